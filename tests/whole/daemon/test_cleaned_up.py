"""Cleaners of old files remove what is in use: the tmux socket of an agent that is well and stays so, and logs."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from tests.harness import Agent, Root, wait_for


def _remove(socket: Path, folder: bool) -> None:
    if folder:
        shutil.rmtree(socket.parent)
    else:
        socket.unlink()


def _is_private(socket: Path) -> bool:
    return stat.S_IMODE(socket.parent.stat().st_mode) == 0o700 and stat.S_IMODE(socket.stat().st_mode) & 0o077 == 0


@pytest.fixture
def alice(root: Root) -> Agent:
    """A live agent of a daemon whose slow pass comes every second."""
    root.env["IAPEER_RECONCILE_SECS"] = "1"
    root.start()
    agent = root.peer("alice")
    root.send("alice", "remember this", wait="done")
    return agent


@pytest.mark.parametrize("folder", [False, True])
def test_the_next_daemon_finds_it(root: Root, alice: Agent, folder: bool) -> None:
    """By its process: the server makes the socket anew, and the session goes on."""
    pid, socket = alice.pid, Path(alice.socket)
    root.kill()
    _remove(socket, folder)
    root.start()
    assert root.send("alice", "still there?", wait="done")["state"] == "done"
    assert alice.pid == pid
    assert _is_private(socket)
    assert root.events("session_ended", peer="alice") == []
    assert len(root.events("socket_renewed", peer="alice")) == 1


def test_the_slow_pass_notices(alice: Agent) -> None:
    """Nobody asks for anything."""
    socket = Path(alice.socket)
    _remove(socket, folder=True)
    wait_for(socket.exists, "the socket to be made anew")
    wait_for(lambda: _is_private(socket), "its folder to be private")


def test_who_attaches_gets_there(root: Root, alice: Agent) -> None:
    """The command that they are given works."""
    Path(alice.socket).unlink()
    root.call("POST", "/peers/alice/attach", {})
    assert "remember this" in alice.screen()


def test_logs_are_written_again(root: Root, alice: Agent) -> None:
    """One that was removed is made anew with its next line, private."""
    logs = root.base / "root" / "state" / "logs"
    for name in ("delivery", "lifecycle"):
        wait_for(lambda: (logs / f"{name}.log").exists(), f"{name}.log")  # noqa: B023 - called here
        (logs / f"{name}.log").unlink()
    root.send("alice", "more", wait="done")
    root.call("POST", "/peers/alice/stop", {})
    for name, line in (("delivery", "ev=done"), ("lifecycle", "ev=session_ended")):
        log = logs / f"{name}.log"
        wait_for(lambda: log.exists() and line in log.read_text(), line)  # noqa: B023 - called here
        assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_panes_log_is_written_again(root: Root, alice: Agent) -> None:
    """The program that writes it holds a file that nobody can find any more: another begins."""
    log = root.base / "root" / "state" / "logs" / "panes" / "fake-alice.log"
    wait_for(lambda: log.exists() and log.stat().st_size, "the log")
    log.unlink()
    wait_for(log.exists, "the log to be there again")
    root.send("alice", "words of later", wait="done")
    wait_for(lambda: b"words of later" in log.read_bytes(), "what the pane shows now")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
