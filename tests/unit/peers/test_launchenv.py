"""launch.env: KEY=VALUE lines and nothing cleverer."""

from __future__ import annotations

from pathlib import Path

import pytest

from iapeer.model.errors import Failed
from iapeer.peers.launchenv import LaunchEnv, read_launch_env


def _read(folder: Path, text: str | bytes) -> LaunchEnv:
    path = folder / ".iapeer" / "runtimes" / "fake" / "launch.env"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_launch_env(folder, "fake")


def test_no_file_is_no_settings(tmp_path: Path) -> None:
    """A peer without the file adds nothing."""
    assert read_launch_env(tmp_path, "fake") == LaunchEnv()


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"), ("A=", ""), ("export A=b", "b"), ("  export   A=b  ", "b"), ('A="b c"', "b c"),
        ("A='b c'", "b c"),
        ("A=\"'b'\"", "'b'"), ("A='\"", "'\""), ('A="', '"'), ("A=$HOME/`x`", "$HOME/`x`"), ("A=b # c", "b # c"),
        ("A=b=c", "b=c"), ("A = b", None), ("A= b ", "b"), ("A=ü ☃", "ü ☃"), ("A=b\r", "b"),
    ],
)  # fmt: skip
def test_a_line_is_taken_as_it_stands(tmp_path: Path, line: str, value: str | None) -> None:
    """One layer of quotes goes, nothing is substituted, a # counts only at the start of a line."""
    if value is None:
        with pytest.raises(Failed, match="line 1"):
            _read(tmp_path, line)
    else:
        assert _read(tmp_path, f"# comment\n\n  # another\n{line}\n").env == {"A": value}


def test_start_arguments_are_split_as_a_shell_would(tmp_path: Path) -> None:
    """PEER_START_ARGS becomes arguments and no variable; the last line of a name counts."""
    read = _read(tmp_path, "A=1\nPEER_START_ARGS=--x 'a b' --y=\\\"q\\\"\nA=2\n")
    assert read == LaunchEnv({"A": "2"}, ("--x", "a b", '--y="q"'))


@pytest.mark.parametrize("line", ["no setting", "1A=b", "A-B=c", "=b", "export", "export =b"])
def test_another_line_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    """Path and line are named, in one sentence."""
    with pytest.raises(Failed) as failed:
        _read(tmp_path, f"A=b\n\n{line}\n")
    assert f"{tmp_path}/.iapeer/runtimes/fake/launch.env, line 3" in str(failed.value)


def test_open_quotes_and_other_encodings_are_refused(tmp_path: Path) -> None:
    """Arguments that no shell could split, and bytes that are no UTF-8, are told with the path."""
    with pytest.raises(Failed, match=r"launch\.env.*PEER_START_ARGS"):
        _read(tmp_path, "PEER_START_ARGS=it's\n")
    with pytest.raises(Failed, match=r"launch\.env cannot be read"):
        _read(tmp_path, b"A=\xff\n")
