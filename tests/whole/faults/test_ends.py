"""Sessions that end, are ended, or whose agent has gone to its shell."""

from __future__ import annotations

import signal

import pytest

from tests.harness import Root, wait_for
from tests.whole.faults.kit import asleep, dead, frames, live, looked_again, nothing_left, server_of, session, waits


@pytest.mark.parametrize(("word", "code", "number"), [("EXIT 3", 3, None), ("CRASH", None, signal.SIGKILL)])
def test_an_agent_that_dies_in_a_turn(fleet: Root, word: str, code: int | None, number: int | None) -> None:
    """The session ends with the agent's own exit code or signal, its server goes, and the next message starts anew."""
    alice = fleet.peer("alice")
    first = live(fleet, alice)
    server = server_of(alice)
    died = fleet.send("alice", f"@@{word}@@", wait="done")
    assert died["state"] == "failed"
    assert "session died" in fleet.message(died["id"])["row"]["error"]
    asleep(fleet, alice)
    ended = session(fleet, first["session"])
    assert (ended["end_cause"], ended["exit_code"], ended["signal"]) == ("exit", code, number)
    assert dead(server)
    nothing_left(fleet)
    again = fleet.send("alice", "still there?", wait="done")
    assert (again["outcome"], again["woke"]) == ("delivered", True)
    assert again["session"] != first["session"]
    assert alice.bodies() == ["first", f"@@{word}@@", "still there?"]
    assert len(frames(alice.typed())) == 3


def test_an_agent_that_dies_at_rest(fleet: Root) -> None:
    """A death is seen when it happens, not when the next message comes."""
    alice = fleet.peer("alice")
    first = live(fleet, alice)
    alice.tmux("send-keys", "-t", "main:", "/exit", "Enter")
    asleep(fleet, alice)
    assert session(fleet, first["session"])["exit_code"] == 0
    nothing_left(fleet)
    assert live(fleet, alice, "second")["woke"]


def test_a_shell_gets_nothing(fleet: Root) -> None:
    """An agent that has gone to its shell is typed nothing; the message waits, and reaches the next session."""
    alice = fleet.peer("alice")
    live(fleet, alice)
    alice.tmux("send-keys", "-t", "main:", "@@SHELL@@", "Enter")
    wait_for(lambda: alice.tmux("display-message", "-p", "#{pane_current_command}").strip() == "sh", "the shell")
    trap = fleet.base / "trap"
    sent = fleet.send("alice", f"\ntouch {trap}\n")
    assert sent["outcome"] == "queued"
    waits(fleet, sent["id"], "not-the-agent")
    assert not trap.exists()
    assert "touch" not in alice.screen()
    assert fleet.runtime("alice")["blocked_on"]["reason"] == "not-the-agent"
    alice.tmux("send-keys", "-t", "main:", "exit", "Enter")
    fleet.until(sent["id"], "done")
    assert not trap.exists()
    assert alice.bodies() == ["first", f"\ntouch {trap}\n"]
    assert len(frames(alice.typed())) == 2


def test_a_turn_that_ends_in_a_shell(fleet: Root) -> None:
    """A message whose turn has left a shell behind fails when that ends; the next waits meanwhile, typed nowhere."""
    alice = fleet.peer("alice")
    first = fleet.send("alice", "@@SHELL@@")
    fleet.until(first["id"], "running")
    wait_for(lambda: alice.tmux("display-message", "-p", "#{pane_current_command}").strip() == "sh", "the shell")
    trap = fleet.base / "trap"
    second = fleet.send("alice", f"\ntouch {trap}\n")
    assert second["outcome"] == "queued"
    looked_again(fleet, second["id"])
    assert "touch" not in alice.screen()
    alice.tmux("send-keys", "-t", "main:", "exit", "Enter")
    fleet.until(first["id"], "failed")
    fleet.until(second["id"], "done")
    assert not trap.exists()
    assert alice.bodies() == ["@@SHELL@@", f"\ntouch {trap}\n"]
