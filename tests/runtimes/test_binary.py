"""Finding the program, and what is said about its version."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from iapeer.model.errors import Refused
from iapeer.runtimes.binary import Probe, Program, find_binary
from iapeer.runtimes.load import read_adapter
from tests.harness import REPO

FAKE = read_adapter(REPO / "fixtures" / "fake.toml")


def _program(folder: Path, says: str, name: str = "iapeer-fake-agent") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho x >> {folder}/asked\n{says}\n")
    path.chmod(0o755)
    return path


def test_it_is_looked_up_on_path_and_by_its_variable(tmp_path: Path) -> None:
    """PATH in order; IAPEER_<NAME>_BIN wins, as a path or a name; the answer is absolute and not resolved."""
    path = _program(tmp_path, "")
    other = _program(tmp_path, "", "other")
    link = tmp_path / "link"
    link.symlink_to(other)
    env = {"PATH": f"/nowhere:{tmp_path}"}
    assert find_binary(FAKE, env) == str(path)
    assert find_binary(FAKE, {**env, "IAPEER_FAKE_BIN": "other"}) == str(other)
    assert find_binary(FAKE, {**env, "IAPEER_FAKE_BIN": str(link)}) == str(link)


@pytest.mark.parametrize("own", [None, "gone", "/gone/agent"])
def test_a_missing_program_says_what_to_do(tmp_path: Path, own: str | None) -> None:
    """The refusal names what was tried, and the variable that overrides it."""
    env = {"PATH": str(tmp_path), **({"IAPEER_FAKE_BIN": own} if own else {})}
    with pytest.raises(Refused) as refused:
        find_binary(FAKE, env)
    assert refused.value.code == "no-binary"
    assert (own or "iapeer-fake-agent") in str(refused.value)
    assert "IAPEER_FAKE_BIN" in str(refused.value)


def _probe(probe: Probe, folder: Path) -> Program:
    return asyncio.run(probe.program(FAKE, {"PATH": f"{folder}:/bin:/usr/bin"}))


@pytest.mark.parametrize(
    ("says", "version", "warning"),
    [
        ("echo '1.0.0 (Fake Agent)'", "1.0.0", None),
        ("echo '1.0.1 (Fake Agent)' >&2", "1.0.1", "is version 1.0.1; its adapter was checked with 1.0.0"),
        ("echo hello", None, "does not tell its version"),
        ("exit 3", None, "does not tell its version"),
    ],
)
def test_another_version_is_a_warning(tmp_path: Path, says: str, version: str | None, warning: str | None) -> None:
    """An unchecked or untold version is no error, but is said."""
    path = _program(tmp_path, says)
    found = _probe(Probe(), tmp_path)
    assert (found.path, found.version) == (str(path), version)
    assert (found.warning is None) if warning is None else (warning in str(found.warning))


def test_it_is_asked_once_until_it_changes(tmp_path: Path) -> None:
    """A probe costs a start of the program: the answer is kept per file and change time."""
    probe = Probe()
    _program(tmp_path, "echo '1.0.0 (Fake Agent)'")
    assert [_probe(probe, tmp_path).version for _ in range(3)] == ["1.0.0"] * 3
    assert (tmp_path / "asked").read_text() == "x\n"
    _program(tmp_path, "echo '2.0.0 (Fake Agent)'")
    assert _probe(probe, tmp_path).version == "2.0.0"


def test_a_file_that_cannot_be_executed_is_refused(tmp_path: Path) -> None:
    """No traceback, but one sentence with the path."""
    path = tmp_path / "iapeer-fake-agent"
    path.write_bytes(b"\x7fELF nonsense")
    path.chmod(0o755)
    with pytest.raises(Refused, match=f"{path} cannot be started"):
        _probe(Probe(), tmp_path)
