"""Agents that read slowly or not at all."""

from __future__ import annotations

import os
import signal

from tests.faults.kit import expected, frames, live
from tests.harness import Root


def test_a_slow_reader(fleet: Root) -> None:
    """An agent that takes 64 bytes at a time gets the whole message once, and one Enter after it."""
    alice = fleet.peer("alice", "--read-delay=0.04")
    body = "slow " * 400
    sent = fleet.send("alice", body, wait="done")
    assert sent["outcome"] == "delivered"
    assert alice.typed() == expected(sent["id"], body)


def test_a_stopped_reader(fleet: Root) -> None:
    """A message for a stopped program is `unknown`, never delivered; when it goes on it reads one frame and one Enter."""
    alice = fleet.peer("alice")
    live(fleet, alice)
    before = alice.typed()
    os.kill(alice.pid, signal.SIGSTOP)
    sent = fleet.send("alice", "are you there")
    assert (sent["outcome"], sent["state"]) == ("unknown", "unknown")
    assert alice.typed() == before
    os.kill(alice.pid, signal.SIGCONT)
    fleet.until(sent["id"], "done")
    assert len(frames(alice.typed())) == 2
    assert alice.typed() == before + expected(sent["id"], "are you there")
    assert alice.bodies() == ["first", "are you there"]
    assert fleet.message(sent["id"])["row"]["attempt"] == 1
