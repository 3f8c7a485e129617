"""Agents that read slowly or not at all."""

from __future__ import annotations

import os
import signal

from tests.harness import Root, wait_for
from tests.whole.faults.kit import background, can_hang, expected, hang, live, server_of


def test_a_slow_reader(fleet: Root) -> None:
    """An agent that takes 64 bytes at a time gets the whole message once, and one Enter after it."""
    alice = fleet.peer("alice", "--read-delay=0.04")
    body = "slow " * 400
    sent = fleet.send("alice", body, wait="done")
    assert sent["outcome"] == "delivered"
    assert alice.typed() == expected(sent["id"], body)


def test_an_agent_that_hangs(root: Root) -> None:
    """A message for a program that does not read is `unknown`, not delivered; later it reads one frame and an Enter."""
    can_hang(root)
    root.start()
    alice = root.peer("alice")
    live(root, alice)
    before = alice.typed()
    hang(alice, True)
    sent = root.send("alice", "are you there")
    assert (sent["outcome"], sent["state"]) == ("unknown", "unknown")
    assert alice.typed() == before
    hang(alice, False)
    assert root.until(sent["id"], "done")["row"]["attempt"] == 1
    assert alice.typed() == before + expected(sent["id"], "are you there")
    assert alice.bodies() == ["first", "are you there"]


def test_a_stopped_agent(fleet: Root) -> None:
    """SIGSTOP to the agent (tmux 3.3a continues it) neither loses nor doubles a message."""
    alice = fleet.peer("alice")
    live(fleet, alice)
    before = alice.typed()
    os.kill(alice.pid, signal.SIGSTOP)
    sent = fleet.send("alice", "are you there")
    os.kill(alice.pid, signal.SIGCONT)
    fleet.until(sent["id"], "done")
    assert alice.typed() == before + expected(sent["id"], "are you there")


def test_a_stopped_tmux_server(fleet: Root) -> None:
    """While the tmux server is stopped nothing is typed and nothing is lost; afterwards the message comes once."""
    alice = fleet.peer("alice")
    live(fleet, alice)
    before = alice.typed()
    server = server_of(alice)
    os.kill(server, signal.SIGSTOP)
    told = background(lambda: fleet.send("alice", "are you there"))
    wait_for(lambda: fleet.events("actor_error"), "the actor to meet the deadline of a tmux call")
    os.kill(server, signal.SIGCONT)
    sent = told()
    fleet.until(sent["id"], "done")
    assert alice.typed() == before + expected(sent["id"], "are you there")
    assert alice.bodies() == ["first", "are you there"]
