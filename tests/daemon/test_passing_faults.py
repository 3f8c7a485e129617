"""A fault that passes stops no peer: the store cannot be written for a while, at the moments at which it matters."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.harness import REPO, Root, wait_for

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


@pytest.fixture
def impatient(root: Root) -> Root:
    root.program = [sys.executable, "-m", "tests.daemon.impatient"]
    root.env["PYTHONPATH"] = str(REPO)
    root.start()
    return root


def met(root: Root, times: int = 2) -> None:
    """The actor has come upon the fault so often."""
    wait_for(lambda: root.said().count("actor fake-alice: The database") >= times, "the actor to meet the fault")


@pytest.mark.parametrize("fault", [locked, full])
def test_as_a_turn_ends(impatient: Root, fault: Fault) -> None:
    """The end is recorded once it can be, nothing is typed again, the trouble is told; the peer goes on, and stops."""
    alice = impatient.peer("alice")
    impatient.send("alice", "warm", wait="done")
    turn = impatient.send("alice", "@@SLOW 0.5@@turn", wait="delivered")["id"]
    with fault(impatient):
        wait_for(lambda: len(alice.records("turn_end")) == 2, "the turn to end")
        met(impatient)
    impatient.until(turn, "done")
    assert impatient.send("alice", "after", wait="done")["state"] == "done"
    assert alice.bodies() == ["warm", "@@SLOW 0.5@@turn", "after"]
    assert len(wait_for(lambda: impatient.events("actor_error"), "the trouble to be told")) == 1
    assert impatient.call("POST", "/peers/alice/stop", {})["status"] == "stopped"


def test_as_an_agent_dies(impatient: Root) -> None:
    """It counts as one death, whose cause is on record; the message that it was at is settled, the next one taken."""
    alice = impatient.peer("alice")
    fatal = impatient.send("alice", "@@SLOW 0.5@@@@CRASH@@", wait="delivered")["id"]
    with locked(impatient):
        met(impatient)
    impatient.until(fatal, "failed")
    assert impatient.send("alice", "after", wait="done")["state"] == "done"
    ends = [(end["cause"], end["signal"]) for end in impatient.events("session_ended")]
    assert ends == [("exit", 9)]
    assert alice.bodies() == ["@@SLOW 0.5@@@@CRASH@@", "after"]
