"""Commands that are typed for a person: taken, or out of the way of messages again, whoever dies meanwhile."""

from __future__ import annotations

import pytest

from iapeer.model.errors import Failed, PeerError
from tests.harness import Agent, Root, wait_for
from tests.whole.faults.kit import composer, live, person, waits


def _left_in_the_composer(root: Root) -> Agent:
    """A peer whose daemon was killed between the command and Enter, and came back."""
    root.start("command:pasted")
    alice = root.peer("alice")
    live(root, alice)
    with pytest.raises((PeerError, OSError)):
        root.call("POST", "/peers/alice/compact", {})
    root.wait_dead()
    root.start()
    return alice


def test_a_command_that_its_daemon_left_in_the_composer_is_taken_out(root: Root) -> None:
    """Killed between the command and Enter: the next message is not kept waiting for a draft that nobody wrote."""
    alice = _left_in_the_composer(root)
    assert composer(alice) == "/compact"
    assert root.send("alice", "second", wait="done", timeout_s=20)["state"] == "done"
    assert alice.bodies() == ["first", "second"]
    assert alice.records("compact") == []


def test_a_persons_words_behind_the_command_are_theirs(root: Root) -> None:
    """They stay, and the message waits for them."""
    alice = _left_in_the_composer(root)
    with person(alice) as somebody:
        somebody.type(" and more")
        wait_for(lambda: composer(alice) == "/compact and more", "their words")
        ident = root.send("alice", "second")["id"]
        waits(root, ident, "draft")
        assert composer(alice) == "/compact and more"
        somebody.type("\x15")
        root.until(ident, "done")


def test_a_command_whose_enter_is_lost_is_entered_again(fleet: Root) -> None:
    """As a message is; one that is never taken is taken out, and a message passes."""
    alice = fleet.peer("alice", "--swallow-enters=2")
    fleet.call("POST", "/peers/alice/start", {})
    fleet.call("POST", "/peers/alice/compact", {})
    assert len(alice.records("compact")) == 1
    bob = fleet.peer("bob", "--swallow-enters=4")
    fleet.call("POST", "/peers/bob/start", {})
    with pytest.raises(Failed, match="did not take"):
        fleet.call("POST", "/peers/bob/compact", {})
    assert fleet.send("bob", "first", wait="done", timeout_s=20)["state"] == "done"
    assert (bob.bodies(), bob.records("compact")) == (["first"], [])
