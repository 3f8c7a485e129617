"""Where a message stands, and what the next one would find."""

from __future__ import annotations

from iapeer.wording import standing
from tests.unit.cli import answers


def test_what_a_message_would_find() -> None:
    """In one sentence, whoever sends it."""
    whose = ("person", "old-topic", "agent", "new-topic")
    everybody = [answers.outlook(one, "resume", "parked-human") for one in whose]
    assert standing.outlook(everybody, ["a"]).startswith("for any message, its last conversation, resumed: it slept")
    mixed = [*everybody[:2], *(answers.outlook(one, "fresh", "parked-no-topic") for one in whose[2:])]
    assert standing.outlook(mixed, ["a", "b"]) == (
        "resumes its conversation for your message without a topic, or one on b or a; begins a fresh one for another "
        "agent's without a topic, or one on another topic"
    )
    assert standing.outlook([], []) == ""


def test_a_dead_message_tells_of_its_attempts_once() -> None:
    """Its error has them all."""
    row = {**answers.ROW, "state": "dead", "error": "session died (exit), in each of 3 sessions", "attempt": 3}
    told = standing.stands({**row, "retried": "session died (exit)"}, "alice")
    assert told == "dead: session died (exit), in each of 3 sessions"
