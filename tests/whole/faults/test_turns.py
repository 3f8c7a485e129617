"""Turns: busy, interrupted, failed, out of quota, and without the live state."""

from __future__ import annotations

import time

from tests.harness import Agent, Root, wait_for
from tests.whole.faults.kit import composer, expected, live, waits


def never_in_a_turn(root: Root, agent: Agent, ident: str, size: int) -> None:
    """Until the message is delivered, its terminal gets not one byte more while the first turn is open."""
    ends = len(agent.records("turn_end"))

    def over() -> bool:
        typed = len(agent.typed())
        open_still = len(agent.records("turn_end")) == ends  # read after: it was open then, too
        assert typed == size or not open_still, "typed in an open turn"
        return root.state(ident) == "done"

    wait_for(over, "the message to be delivered")


def test_a_busy_agent_gets_not_one_byte(fleet: Root) -> None:
    """A message waits for the end of the turn: nothing arrives in the terminal before it."""
    alice = fleet.peer("alice")
    first = fleet.send("alice", "@@SLOW 1.5@@ work")
    fleet.until(first["id"], "running")
    size = len(alice.typed())
    second = fleet.send("alice", "and then")
    assert (second["outcome"], second["reason"]) == ("queued", "busy")
    never_in_a_turn(fleet, alice, second["id"], size)
    kinds = [record["type"] for record in alice.records()]
    assert kinds == ["user", "assistant", "turn_end"] * 2
    assert alice.bodies() == ["@@SLOW 1.5@@ work", "and then"]


def test_a_turn_of_a_person_counts(fleet: Root) -> None:
    """A turn that a person began is waited for just the same."""
    alice = fleet.peer("alice")
    live(fleet, alice)
    alice.tmux("send-keys", "-t", "main:", "@@SLOW 1@@", "Enter")
    wait_for(lambda: len(alice.records("user")) == 2, "the person's turn")
    size = len(alice.typed())
    sent = fleet.send("alice", "after you")
    assert (sent["outcome"], sent["reason"]) == ("queued", "busy")
    never_in_a_turn(fleet, alice, sent["id"], size)


def test_an_interrupt_that_is_recorded(fleet: Root) -> None:
    """An interrupted turn fails its message, and the next one is delivered."""
    alice = fleet.peer("alice")
    first = fleet.send("alice", "@@SLOW 60@@")
    fleet.until(first["id"], "running")
    fleet.call("POST", "/peers/alice/interrupt", {})
    assert fleet.until(first["id"], "failed")["row"]["error"] == "interrupted"
    assert fleet.send("alice", "next", wait="done")["outcome"] == "delivered"
    assert alice.bodies() == ["@@SLOW 60@@", "next"]


def test_a_silent_interrupt(fleet: Root) -> None:
    """Escape that leaves no record and puts our text back: failed, our text cleared, the next message comes alone."""
    alice = fleet.peer("alice", "--silent-interrupt")
    first = fleet.send("alice", "@@SLOW 60@@")
    fleet.until(first["id"], "running")
    before = alice.typed()
    alice.tmux("send-keys", "-t", "main:", "Escape")
    wait_for(lambda: "</iap>" in composer(alice), "the text to be put back")
    assert fleet.until(first["id"], "failed")["row"]["error"] == "interrupted"
    assert composer(alice).startswith("Try ")
    second = fleet.send("alice", "next", wait="done")
    assert second["outcome"] == "delivered"
    cleared, frame = alice.typed()[len(before) :].split(b"\x1b[200~", 1)
    assert (cleared[:2], set(cleared[2:]) - {0x15}) == (b"\x1b\x15", set())
    assert b"\x1b[200~" + frame == expected(second["id"], "next")
    assert alice.bodies() == ["@@SLOW 60@@", "next"]


def test_a_silent_interrupt_of_a_persons_turn(fleet: Root) -> None:
    """What a person typed and the agent put back is theirs: it is never cleared, and the message waits for it."""
    alice = fleet.peer("alice", "--silent-interrupt")
    live(fleet, alice)
    alice.tmux("send-keys", "-t", "main:", "@@SLOW 60@@", "Enter")
    wait_for(lambda: len(alice.records("user")) == 2, "the person's turn")
    alice.tmux("send-keys", "-t", "main:", "Escape")
    wait_for(lambda: composer(alice) == "@@SLOW 60@@", "the text to be put back")
    before = alice.typed()
    sent = fleet.send("alice", "hello")
    waits(fleet, sent["id"], "draft")
    assert (composer(alice), alice.typed()) == ("@@SLOW 60@@", before)


def test_an_error_turn(fleet: Root) -> None:
    """A turn that the agent ends with an error fails its message with the agent's words; the next one is delivered."""
    alice = fleet.peer("alice")
    first = fleet.send("alice", "@@ERROR Overloaded@@", wait="done")
    assert first["state"] == "failed"
    assert fleet.message(first["id"])["row"]["error"] == "Overloaded"
    assert fleet.send("alice", "next", wait="done")["outcome"] == "delivered"
    assert alice.bodies() == ["@@ERROR Overloaded@@", "next"]


def test_a_quota_turn(fleet: Root) -> None:
    """Out of quota, the message fails; the next one waits for the reset and is delivered then, not before."""
    alice = fleet.peer("alice")
    live(fleet, alice)
    reset = int(time.time()) + 3
    first = fleet.send("alice", f"@@QUOTA {reset}@@", wait="done")
    assert first["state"] == "failed"
    before = alice.typed()
    second = fleet.send("alice", "later")
    assert (second["outcome"], second["reason"]) == ("queued", "quota")
    assert fleet.runtime("alice")["blocked_on"]["until"] == reset * 1000

    def over() -> bool:
        assert alice.typed() == before or time.time() >= reset
        return fleet.state(second["id"]) == "done"

    wait_for(over, "the message to be delivered after the reset", 10)
    assert alice.typed() == before + expected(second["id"], "later")


def test_without_the_live_state(fleet: Root) -> None:
    """A release without the file of its state works by transcript and screen, and that is said once a session."""
    alice = fleet.peer("alice", "--no-state")
    first = fleet.send("alice", "@@SLOW 1@@ one")
    fleet.until(first["id"], "running")
    size = len(alice.typed())
    second = fleet.send("alice", "two")
    assert second["outcome"] == "queued"
    never_in_a_turn(fleet, alice, second["id"], size)
    assert fleet.send("alice", "three", wait="done")["outcome"] == "delivered"
    assert alice.bodies() == ["@@SLOW 1@@ one", "two", "three"]
    degraded = fleet.events("degraded")
    assert [(event["what"], event["identity"]) for event in degraded] == [("live state", "fake-alice")]
