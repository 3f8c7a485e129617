"""Where things live: one root, private folders, sockets that fit."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer.model.errors import Failed, Refused
from iapeer.paths import sockets as sockpath
from iapeer.paths.layout import Layout, layout, private_dir

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
NOBODY = 65534


def _at(root: Path, **env: str) -> Layout:
    return layout({"IAPEER_ROOT": str(root), **env})


@pytest.fixture
def short_tmp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stand-in for /tmp, short enough for sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="s") as folder:
        monkeypatch.setattr(sockpath, "TMP", folder)
        yield Path(folder)


def test_everything_is_below_the_root(tmp_path: Path) -> None:
    """With IAPEER_ROOT nothing is anywhere else."""
    at = _at(tmp_path)
    for path in (
        at.config,
        at.data,
        at.state,
        at.sockets,
        at.database,
        at.lock,
        at.logs,
        at.spool,
        at.sessions,
        at.peers,
    ):
        assert path.is_relative_to(tmp_path)
    assert at.pane_log("claude-bob").is_relative_to(at.logs)
    assert at.database.parent == at.state


def test_a_relative_root_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon lives in `/`: it and the command must mean the same folder."""
    monkeypatch.chdir(tmp_path)
    assert layout({"IAPEER_ROOT": "here"}).state == tmp_path / "here" / "state"


def test_the_sandbox_refuses_the_real_root(tmp_path: Path) -> None:
    """A test that forgot IAPEER_ROOT must not touch the user's agents."""
    with pytest.raises(Refused, match="IAPEER_ROOT"):
        layout({"IAPEER_TEST_SANDBOX": "1"})
    with pytest.raises(Refused):
        layout({"IAPEER_TEST_SANDBOX": "1", "IAPEER_SOCK_DIR": str(tmp_path)})
    assert _at(tmp_path, IAPEER_TEST_SANDBOX="1").state.is_relative_to(tmp_path)


def test_without_a_root_the_state_tree_is_the_platforms() -> None:
    """Not the runtime directory, which differs between a login and a cron job."""
    from platformdirs import PlatformDirs

    at = layout({key: value for key, value in os.environ.items() if not key.startswith("IAPEER_")})
    assert at.state == Path(PlatformDirs("iapeer", appauthor=False).user_state_dir)
    assert at.sockets == at.state / "socks"


def test_every_folder_is_private(tmp_path: Path) -> None:
    """0700 whatever the umask, the root that is made on the way included."""
    root = tmp_path / "new" / "root"
    old = os.umask(0)
    try:
        at = _at(root).make()
    finally:
        os.umask(old)
    made = [root.parent, root, *(path for path in root.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o700}
    assert {at.config, at.data, at.state, at.sockets, at.logs / "panes", at.spool, at.sessions} <= set(made)


def test_a_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    """Ours, but readable by others: made private."""
    tmp_path.chmod(0o755)
    private_dir(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_shared_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    """IAPEER_SOCK_DIR=/tmp, as root, must not close /tmp for everybody."""
    tmp_path.chmod(0o1777)
    with pytest.raises(Failed, match="shared"):
        private_dir(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777
    tmp_path.chmod(0o700)


def test_a_file_or_a_link_in_the_way_is_refused(tmp_path: Path) -> None:
    """One sentence, no traceback."""
    (tmp_path / "file").write_text("")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name in ("file", "link", "file/below"):
        with pytest.raises(Failed):
            private_dir(tmp_path / name)


@as_root
def test_another_users_folder_is_refused(tmp_path: Path) -> None:
    """Also by root, who could write there: its owner could swap what is in it. The root's own folder counts too."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, NOBODY, NOBODY)
    with pytest.raises(Failed, match="another user"):
        private_dir(theirs)
    with pytest.raises(Failed, match="another user"):
        _at(theirs).make()
    assert list(theirs.iterdir()) == []


def test_a_short_socket_path_stays_in_the_state_tree(short_tmp: Path) -> None:
    """The ordinary case."""
    at = _at(short_tmp)
    assert at.tmux_socket("claude-bob") == short_tmp / "state" / "socks" / "claude-bob.sock"
    own = short_tmp / "own"
    assert _at(short_tmp, IAPEER_SOCK_DIR=str(own)).daemon_socket() == own / "daemon.sock"


def test_a_long_socket_path_falls_back_to_a_short_private_folder(short_tmp: Path) -> None:
    """It fits, is there, is 0700, and differs between roots; only names that need it go there."""
    root = short_tmp / ("r" * 40)
    at = _at(root).make()
    name = "claude-" + "b" * 32
    assert at.daemon_socket().parent == at.sockets
    path = at.tmux_socket(name)
    assert len(os.fsencode(path)) < sockpath.SOCKET_LIMIT
    assert path.parent.parent == short_tmp
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert _at(short_tmp / ("q" * 40)).tmux_socket(name) != path


def test_the_fallback_does_not_follow_tmpdir(tmp_path: Path) -> None:
    """Agents set TMPDIR for their children: a command inside a session must find the same daemon."""
    code = "from iapeer.paths.layout import layout; print(layout().daemon_socket())"
    env = {**os.environ, "IAPEER_ROOT": str(tmp_path / ("r" * 90)), "PYTHONPATH": str(Path(__file__).parents[3])}
    env.pop("IAPEER_SOCK_DIR", None)
    found = set()
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        env["TMPDIR"] = str(tmp_path / folder)
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        found.add(Path(done.stdout.strip()))
    [socket] = found
    socket.parent.rmdir()


@pytest.mark.parametrize("kind", ["link", "file", "open", pytest.param("theirs", marks=as_root)])
def test_a_fallback_somebody_else_made_is_refused(short_tmp: Path, kind: str) -> None:
    """In /tmp anybody can be first: a command must not talk to their socket."""
    at = _at(short_tmp / ("r" * 90))
    folder = at.daemon_socket().parent
    folder.rmdir()
    if kind == "link":
        folder.symlink_to(short_tmp)
    elif kind == "file":
        folder.write_text("")
    else:
        folder.mkdir()
        folder.chmod(0o777 if kind == "open" else 0o700)
        os.chown(folder, NOBODY if kind == "theirs" else -1, -1)
    with pytest.raises(Failed, match="not a private folder"):
        at.daemon_socket()


def test_a_name_too_long_for_any_folder_is_refused(short_tmp: Path) -> None:
    """And the sentence says what to set."""
    with pytest.raises(Failed, match="IAPEER_SOCK_DIR"):
        _at(short_tmp).tmux_socket("c" * 100)
