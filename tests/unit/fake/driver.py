"""Drives the fake agent: in a pane of a private tmux server, or on a bare pty. Nothing here sleeps to hope."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from iapeer.runtimes.adapter import Adapter

FIXTURES = Path(__file__).parents[3] / "fixtures"
AGENT = [sys.executable, str(FIXTURES / "fake_agent.py")]
GHOST = re.compile("\u276f\xa0\x1b\\[2m")
SGR = re.compile(r"\x1b\[[0-9;]*m")


@cache
def adapter() -> Adapter:
    return Adapter.model_validate(tomllib.loads((FIXTURES / "fake.toml").read_text(encoding="utf-8")))


def until(met: Callable[[], object], seen: Callable[[], object] = lambda: "", seconds: float = 8.0) -> None:
    """Wait for a condition; says what was seen instead when it does not come."""
    end = time.monotonic() + seconds
    while not met():
        if time.monotonic() > end:
            raise AssertionError(f"it did not come about; seen:\n{seen()}")
        time.sleep(0.005)


class Home:
    """The agent's folder, as a test reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def env(self, **more: str) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("FAKE_", "TMUX"))}
        return clean | {"FAKE_HOME": str(self.path), "TERM": "xterm-256color", "LANG": "C.UTF-8"} | more

    def transcripts(self) -> list[Path]:
        return sorted((self.path / "conversations").glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)

    def records(self, conversation: str = "c1") -> list[dict[str, Any]]:
        path = self.path / "conversations" / f"{conversation}.jsonl"
        whole = path.read_bytes().split(b"\n")[:-1] if path.exists() else []  # the last may be half written
        return [json.loads(line) for line in whole]

    def kinds(self) -> list[str]:
        return [record["type"] for record in self.records()]

    def texts(self, kind: str) -> list[str]:
        return [record["text"] for record in self.records() if record["type"] == kind]

    def state(self, pid: int) -> dict[str, Any]:
        path = self.path / "state" / f"{pid}.json"
        return dict(json.loads(path.read_bytes())) if path.exists() else {}

    def tapped(self, pid: int) -> bytes:
        path = self.path / "input" / f"{pid}.bin"
        return path.read_bytes() if path.exists() else b""


class Pane:
    """The agent in a pane."""

    def __init__(self, home: Home, folder: Path, *flags: str, columns: int = 200, rows: int = 50) -> None:
        self.home, self.socket = home, folder / "s"
        self.size = ["-x", str(columns), "-y", str(rows)]
        argv = [*AGENT, "--session-id", "c1", *flags]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", "main", *self.size, *argv, env=home.env(FAKE_TAP="1"))
        self.tmux("set-option", "-g", "remain-on-exit", "on")
        self.pid = int(self.show("pane_pid"))

    def tmux(self, *args: str, env: dict[str, str] | None = None, data: bytes | None = None) -> str:
        done = subprocess.run(["tmux", "-S", self.socket, *args], env=env, input=data, capture_output=True, check=True)
        return done.stdout.decode()

    def show(self, variable: str) -> str:
        return self.tmux("display-message", "-p", "-t", "main", f"#{{{variable}}}").rstrip("\n")

    def keys(self, *names: str) -> None:
        self.tmux("send-keys", "-t", "main", *names)

    def paste(self, data: str | bytes) -> None:
        self.tmux("load-buffer", "-b", "b", "-", data=data.encode() if isinstance(data, str) else data)
        self.tmux("paste-buffer", "-p", "-r", "-d", "-b", "b", "-t", "main")

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-t", "main")

    def coloured(self) -> str:
        return self.tmux("capture-pane", "-p", "-e", "-t", "main")

    def composer(self) -> str | None:
        """What is written in the composer; "" when there is only dim text, None when there is no composer."""
        coloured = self.coloured()
        found = list(adapter().screen.composer.finditer(SGR.sub("", coloured)))
        if not found:
            return None
        first = coloured[coloured.rindex("\u276f\xa0") :]
        return "" if GHOST.match(first) else found[-1]["text"]

    def ready(self) -> Pane:
        until(lambda: self.composer() is not None and self.home.state(self.pid), self.screen)
        return self

    def shows(self, text: str) -> None:
        until(lambda: text in self.screen(), self.screen)

    def holds(self, text: str) -> None:
        until(lambda: self.composer() == text, self.screen)

    def say(self, text: str) -> None:
        """Paste, see it in the composer, Enter."""
        self.paste(text)
        until(lambda: self.composer(), self.screen)
        self.keys("Enter")

    def status(self, status: str) -> None:
        until(lambda: self.home.state(self.pid).get("status") == status, self.screen)

    def recorded(self, *kinds: str) -> None:
        """These records, and no others, are in the transcript."""
        until(lambda: self.home.kinds() == list(kinds), lambda: f"{self.home.kinds()}\n{self.screen()}")

    def died(self) -> tuple[str, str]:
        """Exit status and signal, once the program has ended."""
        until(lambda: self.show("pane_dead") == "1" and self._end() != ("", ""), self.screen)
        return self._end()

    def _end(self) -> tuple[str, str]:
        # tmux 3.3a misses SIGCHLD now and then: ask it to look again.
        os.kill(int(self.show("pid")), 17)
        return self.show("pane_dead_status"), self.show("pane_dead_signal")

    def close(self) -> None:
        server = int(self.show("pid"))
        self.tmux("kill-server")
        until(lambda: not alive(server))
        until(lambda: not alive(self.pid))


class Bare:
    """The agent on a bare pty: for what must arrive in one read()."""

    def __init__(self, home: Home, *flags: str, env: dict[str, str] | None = None) -> None:
        self.home, self.output = home, b""
        self.master, slave = pty.openpty()
        argv = [*AGENT, "--session-id", "c1", *flags]
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=home.env(**env or {})
        )
        os.close(slave)

    def drain(self) -> bytes:
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.output += os.read(self.master, 65536)
            except OSError:
                break
        return self.output

    def ready(self) -> Bare:
        until(lambda: "\u276f\xa0".encode() in self.drain(), lambda: self.output)
        return self

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def met(self, condition: Callable[[], object]) -> None:
        until(lambda: (self.drain(), condition())[1], lambda: (self.home.kinds(), self.output[-2000:]))

    def ended(self) -> int:
        self.met(lambda: self.process.poll() is not None)
        return self.process.returncode

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
