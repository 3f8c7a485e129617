"""A fault that passes stops no peer: the store cannot be written for a while, at the moments at which it matters."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

from iapeer.model.errors import PeerError
from tests.harness import Root, wait_for

Fault = Callable[[Root], AbstractContextManager[None]]


@contextlib.contextmanager
def locked(root: Root) -> Iterator[None]:
    """Another process writes to the database, and takes its time."""
    with contextlib.closing(sqlite3.connect(root.base / "root/state/iapeer.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextlib.contextmanager
def full(root: Root) -> Iterator[None]:
    """The daemon's database cannot grow."""
    assert root.daemon is not None
    size = (root.base / "root/state/iapeer.db-wal").stat().st_size
    soft, hard = resource.prlimit(root.daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(root.daemon.pid, resource.RLIMIT_FSIZE, (size, hard))
    yield
    resource.prlimit(root.daemon.pid, resource.RLIMIT_FSIZE, (soft, hard))


def met(root: Root, times: int = 2) -> None:
    """The actor has come upon the fault so often."""
    wait_for(lambda: root.said().count("actor fake-alice: The database") >= times, "the actor to meet the fault")


@pytest.mark.parametrize("fault", [locked, full])
def test_as_a_turn_ends(fleet: Root, fault: Fault) -> None:
    """The end is recorded once it can be, nothing is typed again, the trouble is told; the peer goes on, and stops."""
    alice = fleet.peer("alice")
    fleet.send("alice", "warm", wait="done")
    turn = fleet.send("alice", "@@SLOW 0.5@@turn", wait="delivered")["id"]
    with fault(fleet):
        wait_for(lambda: len(alice.records("turn_end")) == 2, "the turn to end")
        met(fleet)
    fleet.until(turn, "done")
    assert fleet.send("alice", "after", wait="done")["state"] == "done"
    assert alice.bodies() == ["warm", "@@SLOW 0.5@@turn", "after"]
    assert len(wait_for(lambda: fleet.events("actor_error"), "the trouble to be told")) == 1
    assert fleet.call("POST", "/peers/alice/stop", {})["status"] == "stopped"


def test_as_an_agent_dies(fleet: Root) -> None:
    """It counts as one death, whose cause is on record; the message that it was at is settled, the next one taken."""
    alice = fleet.peer("alice")
    fatal = fleet.send("alice", "@@SLOW 0.5@@@@CRASH@@", wait="delivered")["id"]
    with locked(fleet):
        met(fleet)
    fleet.until(fatal, "failed")
    assert fleet.send("alice", "after", wait="done")["state"] == "done"
    ends = [(end["cause"], end["signal"]) for end in fleet.events("session_ended")]
    assert ends == [("exit", 9)]
    assert alice.bodies() == ["@@SLOW 0.5@@@@CRASH@@", "after"]


def test_a_message_sent_meanwhile(fleet: Root) -> None:
    """The answer is an error that says so; as soon as the lock is gone the command that sent it gets it through."""
    alice = fleet.peer("alice")
    with ThreadPoolExecutor() as others:
        with locked(fleet):
            with pytest.raises(PeerError) as refused:
                fleet.send("alice", "too soon")
            command = others.submit(fleet.cli, "send", "alice", "hello", "--wait", "done")
            with pytest.raises(TimeoutError):
                command.result(1)
        assert command.result().returncode == 0, command.result().stderr
    assert refused.value.code == "store"
    assert alice.bodies() == ["hello"]
