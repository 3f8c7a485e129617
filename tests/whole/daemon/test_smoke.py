"""The main job, from end to end."""

from __future__ import annotations

from tests.harness import Root


def test_a_message_wakes_a_sleeping_peer_and_is_proven(fleet: Root) -> None:
    """A message to a sleeping peer starts its agent, arrives exactly once, and is called delivered by the record."""
    alice = fleet.peer("alice")
    sent = fleet.send("alice", "hello there", wait="done")
    assert (sent["outcome"], sent["state"], sent["woke"]) == ("delivered", "done", True)
    assert alice.bodies() == ["hello there"]
    assert fleet.steps(sent["id"]) == ["accepted", "waiting", "leased", "typed", "delivered", "done"]


def test_a_second_message_reaches_the_live_session(fleet: Root) -> None:
    """The next message is typed into the session that lives."""
    alice = fleet.peer("alice")
    first = fleet.send("alice", "one", wait="done")
    second = fleet.send("alice", "two")
    assert second["outcome"] == "delivered"
    assert second["session"] == first["session"]
    assert not second["woke"]
    assert alice.bodies() == ["one", "two"]
