"""The daemon's own start: single, on a sound root, or refused in one sentence."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from iapeer.paths.layout import layout
from tests.harness import Root

as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs a folder of another user")


def _one_sentence(root: Root, code: int, *words: str, **env: str) -> None:
    """`daemon run` ends with this exit code, saying one sentence with these words."""
    done = root.cli("daemon", "run", check=False, **env)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("iapeer: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_second_daemon_is_refused(fleet: Root) -> None:
    """The lock makes the daemon single: the second one says so with exit code 3, and the first serves on."""
    before = fleet.call("GET", "/status")["daemon"]["pid"]
    _one_sentence(fleet, 3, "already", "iapeer status")
    assert fleet.call("GET", "/status")["daemon"]["pid"] == before


def test_a_stale_socket_file_is_replaced(root: Root) -> None:
    """A socket file without a listener is what a killed daemon leaves: it keeps no new one from starting."""
    layout(root.env).make()
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(root.socket))
    root.start()
    assert root.call("GET", "/status")["daemon"]["socket"] == str(root.socket)
    assert stat.S_IMODE(root.socket.stat().st_mode) == 0o600


def test_a_root_that_cannot_be_made_is_refused(root: Root) -> None:
    """Nothing can be written there: one sentence naming the folder, exit 1."""
    (root.base / "file").write_text("")
    place = str(root.base / "file" / "root")
    _one_sentence(root, 1, place, "IAPEER_ROOT", IAPEER_ROOT=place)
    _one_sentence(root, 1, "/proc/iapeer", IAPEER_ROOT="/proc/iapeer")


def test_an_unsound_database_is_refused(root: Root) -> None:
    """A file that is no database, and one of a newer iapeer: one sentence with the path, and the file untouched."""
    place = layout(root.env).make()
    place.database.write_bytes(b"this is no database at all " * 200)
    before = place.database.read_bytes()
    _one_sentence(root, 1, str(place.database), "move it")
    assert place.database.read_bytes() == before
    started = root.cli("daemon", "start")
    assert (started.returncode, started.stderr.count("\n")) == (5, 1)
    assert str(place.database) in started.stderr
    place.database.unlink()
    with closing(sqlite3.connect(place.database)) as sql:
        sql.execute("PRAGMA user_version = 99")
    _one_sentence(root, 1, str(place.database), "newer")


@as_root
def test_another_users_state_folder_is_refused(root: Root) -> None:
    """Somebody else's folder is never used, not even by root."""
    place = layout(root.env).make()
    os.chown(place.state, 12345, 12345)
    _one_sentence(root, 1, str(place.state), "another user")


def test_a_long_root_falls_back_to_short_sockets(root: Root) -> None:
    """Where the socket paths would be too long, daemon, commands and tmux meet in one short private folder."""
    deep = root.base / ("d" * 90)
    root.env["IAPEER_ROOT"] = str(deep)
    root.socket = layout(root.env).daemon_socket()
    short = root.socket.parent
    try:
        assert short.parent == Path("/tmp")
        assert stat.S_IMODE(short.stat().st_mode) == 0o700
        root.start()
        alice = root.peer("alice")
        assert root.send("alice", "through short sockets", wait="done")["outcome"] == "delivered"
        assert Path(alice.socket).parent == short
        assert root.cli("list", "--json").returncode == 0
    finally:
        root.close()
        shutil.rmtree(short)


def test_the_sandbox_forbids_the_real_root(root: Root) -> None:
    """IAPEER_TEST_SANDBOX=1 without a root: every command that would touch the real one is refused with exit 3."""
    for command in (["daemon", "run"], ["list"], ["send", "alice", "hi"], ["status"]):
        done = root.cli(*command, IAPEER_ROOT="")
        assert (done.returncode, done.stderr.count("\n")) == (3, 1), command
        assert "IAPEER_TEST_SANDBOX" in done.stderr
    assert not (root.base / "home" / ".local").exists()


def test_an_impossible_port_is_told_and_not_used(root: Root) -> None:
    """A port above 65535 is a broken setting: the daemon starts on another and says what is wrong."""
    root.start(IAPEER_PORT="70000")
    (problem,) = root.events("bad_setting")
    assert "65535" in problem["problem"]
    assert "IAPEER_PORT" in problem["problem"]


def test_broken_settings_keep_their_defaults(root: Root) -> None:
    """Each wrong setting is told by an event naming file and field; the sound ones hold."""
    place = layout(root.env).make()
    (place.config / "config.toml").write_text('send_wait_secs = "soon"\nlog_files = 3\nno_such = 1\n')
    root.start()
    problems = [event["problem"] for event in root.events("bad_setting")]
    assert sum("send_wait_secs" in problem for problem in problems) == 1
    assert sum("'no_such'" in problem for problem in problems) == 1
    assert len(problems) == 2
    root.kill()
    (place.config / "config.toml").write_text("port = = 1\n")
    root.start()
    assert "config.toml is not used" in root.events("bad_setting")[-1]["problem"]
    assert "line 1" in root.events("bad_setting")[-1]["problem"]
