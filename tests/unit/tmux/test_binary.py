"""The tmux program on PATH: missing, too old, good."""

from __future__ import annotations

from pathlib import Path

import pytest

from iapeer.model.errors import Failed
from iapeer.tmux import attach_argv, require_tmux


def _fake(folder: Path, version: str) -> None:
    program = folder / "tmux"
    program.write_text(f"#!/bin/sh\necho '{version}'\n")
    program.chmod(0o755)


def test_a_missing_tmux_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, with the next step."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failed, match="not installed: install tmux"):
        require_tmux()


@pytest.mark.parametrize("version", ["tmux 3.1c", "tmux 2.9a", "tmux 1.8"])
def test_an_old_tmux_is_refused(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version found and the version needed are named."""
    _fake(tmp_path, version)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(Failed, match=rf"{version.split()[1]}.* needs 3\.2"):
        require_tmux()


@pytest.mark.parametrize("version", ["3.2", "3.3a", "3.5a", "next-3.6", "3.10"])
def test_a_new_tmux_is_taken(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pre-releases too; ten comes after two."""
    _fake(tmp_path, f"tmux {version}")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert require_tmux() == version


def test_a_tmux_that_says_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is, it is not tmux."""
    (tmp_path / "tmux").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "tmux").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(Failed):
        require_tmux()


def test_the_attach_command_names_session_and_socket() -> None:
    """Read-only when asked."""
    assert attach_argv(Path("/x/s"))[1:] == ["-u", "-S", "/x/s", "attach-session", "-t", "main"]
    assert attach_argv(Path("/x/s"), read_only=True)[1:] == ["-u", "-S", "/x/s", "attach-session", "-r", "-t", "main"]
