"""Whose words an answer is made of, when a person uses the session too and the daemon was away."""

from __future__ import annotations

from tests.harness import Root, wait_for
from tests.whole.faults.kit import background, live, person


def test_the_words_of_a_persons_turn_are_nobodys_answer(fleet: Root) -> None:
    """The daemon dies in the asker's turn; the turn ends, and a person has another before it is back."""
    alice, bob = fleet.peer("alice"), fleet.peer("bob")
    live(fleet, alice)
    live(fleet, bob)
    gate = fleet.base / "gate"
    sent = fleet.send("alice", f"@@SAY ours@@@@TOOL while [ ! -e {gate} ]; do sleep 0.02; done@@", asks=True)
    wait_for(lambda: len(alice.bodies()) == 2, "the question")
    with person(alice) as somebody:
        fleet.kill()
        gate.touch()
        wait_for(lambda: len(alice.records("turn_end")) == 2, "the end of the asker's turn")
        somebody.type("@@SAY theirs@@\r")
        wait_for(lambda: len(alice.records("turn_end")) == 3, "the end of the person's turn")
    fleet.start()
    fleet.until(sent["id"], "done")
    assert fleet.message(sent["id"])["reply"]["body"] == "ours"


def test_a_persons_queued_words_do_not_keep_the_asker_waiting(fleet: Root) -> None:
    """What they typed meanwhile begins a turn as ours ends, in the same breath: the answer is of ours, and at once."""
    alice = fleet.peer("alice")
    live(fleet, alice)
    gate, later = fleet.base / "gate", fleet.base / "later"
    call = background(
        lambda: fleet.send(
            "alice", f"@@SAY ours@@@@TOOL while [ ! -e {gate} ]; do sleep 0.02; done@@", wait="reply", timeout_s=20
        )
    )
    wait_for(lambda: len(alice.bodies()) == 2, "the question")
    with person(alice) as somebody:
        somebody.type(f"@@SAY theirs@@@@TOOL while [ ! -e {later} ]; do sleep 0.02; done@@\r")
        wait_for(lambda: alice.records("enqueue"), "the person's words in the queue")
        gate.touch()
        assert call()["reply"]["body"] == "ours"
        later.touch()
