"""kill -9: of the daemon, of a tmux server, of an agent."""

from __future__ import annotations

import os
import signal

import pytest

from tests.harness import Root, wait_for
from tests.whole.faults.kit import (
    asleep,
    background,
    can_hang,
    dead,
    expected,
    frames,
    hang,
    live,
    nothing_left,
    option,
    send_and_lose,
    server_of,
    session,
)  # fmt: skip


def test_the_daemon_is_killed_in_a_turn(fleet: Root) -> None:
    """The turn goes on, what is queued stays queued, and the next daemon finds the same session and finishes both."""
    alice = fleet.peer("alice")
    first = fleet.send("alice", "@@SLOW 1.5@@ work")
    fleet.until(first["id"], "running")
    queued = [fleet.send("alice", f"queued {n}")["id"] for n in range(3)]
    pid, where = alice.pid, first["session"] or fleet.message(first["id"])["row"]["session"]
    fleet.kill()
    fleet.start()
    assert alice.pid == pid
    for ident in (first["id"], *queued):
        row = fleet.until(ident, "done", "failed", "dead")["row"]
        assert (row["state"], row["attempt"], row["session"]) == ("done", 1, where)
    assert [turn.id for turn in alice.turns()] == [first["id"], *queued]
    assert len(frames(alice.typed())) == 4
    assert len(fleet.events("readopted")) == 1


def test_the_turn_ends_while_there_is_no_daemon(fleet: Root) -> None:
    """A turn that ended meanwhile is done, by its record; a message sent afterwards reaches the same session."""
    alice = fleet.peer("alice")
    first = fleet.send("alice", "@@SLOW 0.5@@ work")
    fleet.until(first["id"], "running")
    pid = alice.pid
    fleet.kill()
    wait_for(lambda: alice.records("turn_end"), "the turn's end")
    fleet.start()
    fleet.until(first["id"], "done")
    assert live(fleet, alice, "next")["outcome"] == "delivered"
    assert alice.pid == pid
    assert alice.bodies() == ["@@SLOW 0.5@@ work", "next"]


def test_the_agent_dies_while_there_is_no_daemon(fleet: Root) -> None:
    """The next daemon clears the dead session away, says that the message failed, and starts anew for what waits."""
    alice = fleet.peer("alice")
    first = fleet.send("alice", "@@SLOW 60@@ work")
    fleet.until(first["id"], "running")
    second = fleet.send("alice", "second")
    pid = alice.pid
    fleet.kill()
    os.kill(pid, signal.SIGKILL)
    fleet.start()
    assert "session died" in fleet.until(first["id"], "failed")["row"]["error"]
    fleet.until(second["id"], "done")
    assert alice.pid != pid
    assert alice.bodies() == ["@@SLOW 60@@ work", "second"]
    fleet.call("POST", "/peers/alice/stop", {})
    nothing_left(fleet)


def test_the_daemon_is_killed_during_a_start(fleet: Root) -> None:
    """The session that was starting is taken over: no second one is started, and the message is typed once."""
    alice = fleet.peer("alice", "--boot-delay=1")
    lost = background(lambda: send_and_lose(fleet, "alice", "early"))
    pid = wait_for(lambda: fleet.runtime("alice")["pid"], "the agent")
    fleet.kill()
    lost()
    fleet.start()
    ident = fleet.events("accepted")[0]["message"]
    assert fleet.until(ident, "done")["row"]["attempt"] == 1
    assert (alice.pid, len(fleet.events("wake"))) == (pid, 1)
    assert alice.typed() == expected(ident, "early")


def test_the_tmux_server_is_killed_in_a_turn(fleet: Root) -> None:
    """The agent dies with its terminal: its message failed, nothing is left, and the next message starts anew."""
    alice = fleet.peer("alice")
    sent = fleet.send("alice", "@@SLOW 60@@")
    fleet.until(sent["id"], "running")
    pid, server = alice.pid, server_of(alice)
    os.kill(server, signal.SIGKILL)
    assert "session died" in fleet.until(sent["id"], "failed")["row"]["error"]
    asleep(fleet, alice)
    assert dead(pid)
    nothing_left(fleet)
    again = live(fleet, alice, "again")
    assert again["woke"]
    assert alice.bodies() == ["@@SLOW 60@@", "again"]


@pytest.mark.parametrize("daemon_too", [False, True], ids=["agent alone", "agent and daemon"])
def test_an_agent_is_killed_with_a_message_typed_and_not_proven(root: Root, daemon_too: bool) -> None:
    """A second attempt is made, in a new session, once the old one is dead, and its envelope says so."""
    can_hang(root)
    root.start()
    alice = root.peer("alice")
    first = live(root, alice)
    pid, server = alice.pid, server_of(alice)
    hang(alice, True)
    waiting = background(lambda: send_and_lose(root, "alice", "try again"))
    wait_for(lambda: option(alice, "@iapeer_pasted").split(":")[0] not in ("", first["id"]), "the paste")
    ident = root.events("leased")[-1]["message"]
    wait_for(lambda: "typed" in root.steps(ident), "the paste to be recorded")
    if daemon_too:
        root.kill()
    os.kill(pid, signal.SIGKILL)
    hang(alice, False)
    if daemon_too:
        root.start()
    row = root.until(ident, "done", "failed", "dead")["row"]
    waiting()
    assert (row["state"], row["attempt"]) == ("done", 2)
    assert row["session"] != first["session"]
    assert [(turn.id, turn.attempt) for turn in alice.turns()] == [(first["id"], 1), (ident, 2)]
    assert alice.typed() == expected(first["id"], "first") + expected(ident, "try again", attempt=2)
    assert (dead(pid), dead(server)) == (True, True)
    old, new = session(root, first["session"]), session(root, row["session"])
    assert old["ended_ms"] <= new["started_ms"]
    root.call("POST", "/peers/alice/stop", {})
    nothing_left(root)


def test_a_session_that_is_stopped_with_a_message_in_its_composer(fleet: Root) -> None:
    """`stop` ends the session; the message that was typed and never taken is a new attempt after `start`."""
    alice = fleet.peer("alice", "--swallow-enters=99")
    fleet.call("POST", "/peers/alice/start", {})
    waiting = background(lambda: send_and_lose(fleet, "alice", "stuck"))
    wait_for(lambda: alice.typed().endswith(b"\r\r"), "two Enters")
    fleet.call("POST", "/peers/alice/stop", {})
    ident = fleet.events("accepted")[0]["message"]
    row = fleet.message(ident)["row"]
    assert (row["state"], row["reason"], row["attempt"]) == ("held", "stopped", 2)
    nothing_left(fleet)
    alice.configure()
    fleet.call("POST", "/peers/alice/start", {})
    fleet.until(ident, "done")
    waiting()
    assert [(turn.id, turn.attempt) for turn in alice.turns()] == [(ident, 2)]
    assert len(frames(alice.typed())) == 2
