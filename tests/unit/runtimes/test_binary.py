"""Finding the program, and what is said about its version."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from iapeer.model.errors import Refused
from iapeer.model.versions import VersionRange
from iapeer.runtimes.binary import Probe, Program, find_binary, unchecked
from iapeer.runtimes.load import read_adapter
from tests.harness import REPO

CHECKED = "its adapter was checked with (=1.0.0)"
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
        ("echo '1.0.1 (Fake Agent)' >&2", "1.0.1", f"Fake Agent 1.0.1 is newer than {CHECKED}"),
        ("echo '0.9.9 (Fake Agent)'", "0.9.9", f"Fake Agent 0.9.9 is older than {CHECKED}"),
        ("echo hello", None, "Fake Agent does not tell its version; its adapter was checked with =1.0.0"),
        ("exit 3", None, "Fake Agent does not tell its version; its adapter was checked with =1.0.0"),
    ],
)
def test_another_version_is_a_warning(tmp_path: Path, says: str, version: str | None, warning: str | None) -> None:
    """An unchecked or untold version is no error, but is said."""
    path = _program(tmp_path, says)
    found = _probe(Probe(), tmp_path)
    assert (found.path, found.version) == (str(path), version)
    runs = ": `iapeer runtime check fake` tells whether it holds."
    assert found.warning == (None if warning is None else warning + runs)


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("1", None),
        ("2.5", None),
        ("1.5", "Fake Agent 1.5 is between the versions its adapter was checked with (=1, >=2 <=3)"),
        ("nightly", "Fake Agent tells no number as its version (nightly); its adapter was checked with =1, >=2 <=3"),
    ],
)
def test_several_ranges_were_checked(version: str, says: str | None) -> None:
    """What is in none of them is said."""
    ranges = [VersionRange.parse(text) for text in ("=1", ">=2 <=3")]
    assert unchecked(FAKE.model_copy(update={"checked": ranges}), version) == says


def test_it_is_asked_once_until_it_changes(tmp_path: Path) -> None:
    """A probe costs a start of the program: the answer is kept per file and change time."""
    probe = Probe()
    _program(tmp_path, "echo '1.0.0 (Fake Agent)'")
    assert [_probe(probe, tmp_path).version for _ in range(3)] == ["1.0.0"] * 3
    assert (tmp_path / "asked").read_text() == "x\n"
    _program(tmp_path, "echo '2.0.0 (Fake Agent)'")
    assert _probe(probe, tmp_path).version == "2.0.0"


def test_another_version_of_the_same_date_is_asked_anew(tmp_path: Path) -> None:
    """Packages give all files one date: a link that leads to another version now is seen all the same."""
    probe = Probe()
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        os.utime(_program(tmp_path / version, f"echo '{version}.0.0 (Fake Agent)'"), (0, 0))
        (tmp_path / "iapeer-fake-agent").unlink(missing_ok=True)
        (tmp_path / "iapeer-fake-agent").symlink_to(tmp_path / version / "iapeer-fake-agent")
        assert _probe(probe, tmp_path).version == f"{version}.0.0"


def test_a_file_that_cannot_be_executed_is_refused(tmp_path: Path) -> None:
    """No traceback, but one sentence with the path."""
    path = tmp_path / "iapeer-fake-agent"
    path.write_bytes(b"\x7fELF nonsense")
    path.chmod(0o755)
    with pytest.raises(Refused, match=f"{path} cannot be started"):
        _probe(Probe(), tmp_path)
