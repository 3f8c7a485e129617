"""`iapeer runtime check` as its users run it, and what it may leave behind: nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.harness import REPO

ADAPTER = (REPO / "fixtures" / "fake.toml").read_text()


@dataclass(frozen=True)
class Done:
    """One run."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> dict[str, Any]:
        """Its JSON."""
        return dict(json.loads(self.out))

    def result(self, check: str) -> tuple[str, str]:
        """(result, detail) of a check."""
        found = next(one for one in self.answer["checks"] if one["check"] == check)
        return found["result"], found["detail"]

    @property
    def failed(self) -> list[str]:
        """The checks that failed."""
        return [one["check"] for one in self.answer["checks"] if one["result"] == "failed"]


class Checks:
    """A user's machine in small: a home, adapters of their own, a folder for temporary files."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.tmp = base / "tmp"
        self.home = base / "home"
        for folder in (self.tmp, self.home):
            folder.mkdir()
        self.env = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            "IAPEER_ROOT": str(base / "root"),
            "IAPEER_TEST_SANDBOX": "1",
        }

    def adapter(self, *changes: tuple[str, str], text: str = ADAPTER) -> None:
        """The user's own adapter of the fake agent: the bundled one, changed."""
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = self.base / "root" / "config" / "adapters" / "fake.toml"
        path.parent.mkdir(parents=True)
        path.write_text(text)

    def program(self, before: str) -> None:
        """The fake agent, with something of the shell's before it, in place of the bundled one."""
        path = self.base / "fake"
        agent = REPO / "fixtures" / "fake_agent.py"
        path.write_text(f'#!/bin/sh\n{before}\nexec "{sys.executable}" "{agent}" "$@"\n')
        path.chmod(0o755)
        self.env["IAPEER_FAKE_BIN"] = str(path)

    def begin(self, *args: str) -> subprocess.Popen[str]:
        """Start `iapeer runtime check`."""
        return subprocess.Popen(
            [sys.executable, "-m", "iapeer", "runtime", "check", *args], env=self.env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *args: str) -> Done:
        """Run it, and see that nothing is left of it."""
        process = self.begin(*args)
        out, err = process.communicate(timeout=110)
        self.nothing_is_left()
        return Done(process.returncode, out, err)

    def nothing_is_left(self) -> None:
        """No file, no process, and the user's home is as it was."""
        assert list(self.tmp.iterdir()) == []
        assert list(self.home.iterdir()) == []
        assert [process for process in psutil.process_iter() if str(self.tmp) in _about(process)] == []


def _about(process: psutil.Process) -> str:
    try:
        return " ".join([process.cwd(), *process.cmdline(), process.environ().get("IAPEER_ROOT", "")])
    except (psutil.Error, OSError):
        return ""


@pytest.fixture
def checks() -> Iterator[Checks]:
    with tempfile.TemporaryDirectory(prefix="ia-", dir="/tmp") as base:  # short: socket paths end at 104 bytes
        yield Checks(Path(base).resolve())
