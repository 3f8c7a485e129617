"""Events as people read them, and the phases of one who waits."""

from __future__ import annotations

from typing import Any

import pytest

from iapeer.cli.show.event import event_line
from iapeer.wording.events import phase
from tests.unit.cli import answers

EVENTS: list[tuple[str, dict[str, Any], str]] = [
    ("wake", {"mode": "fresh", "cause": "refresh"}, "a fresh session: `iapeer refresh` had asked for one (refresh)"),
    (
        "wake",
        {"mode": "fresh", "cause": "parked-resume", "program": "/bin/x"},
        "a fresh session: it slept, and the topic is one of its conversation's, but its conversation is gone "
        "(parked-resume)  program=/bin/x",
    ),
    ("session_ended", {"cause": "exit", "exit_code": None, "signal": 9}, "its agent ended by signal 9 (exit)"),
    ("session_ended", {"cause": "exit", "exit_code": 3}, "its agent ended with exit code 3 (exit)"),
    ("session_ended", {"cause": "reaped", "exit_code": 0}, "its task was done (reaped)"),
    ("session_ended", {"cause": "brand-new"}, "brand-new (brand-new)"),
    ("parking", {"idle_s": 3601}, "nothing happened for 1 h: it is put to sleep"),
    ("reaping", {"cause": "reaped", "idle_s": 2.1}, "its task was done: its session is ended (reaped)  idle_s=2.1"),
    ("marked", {"mark": "armed", "why": "turn-end"}, "its task is done, for its turn ended well (armed: turn-end)"),
    ("marked", {"mark": "refresh"}, "its next session is to be a fresh one (refresh)"),
    ("unmarked", {"mark": "armed"}, "what was noted is done with (armed)"),
    ("unchecked_version", {"version": "2", "warning": "It is newer."}, "It is newer."),
    ("waiting", {"reason": "ephemeral"}, "waits for a session of its own (ephemeral)"),
    ("waiting", {"reason": None}, ""),
    ("held", {"reason": "stopped", "attempt": 1}, "stopped, until `iapeer start alice`  attempt=1"),
    ("guard", {"failures": 3, "again_s": 30}, "it keeps dying, and is left down for 30 s  failures=3"),
    (
        "not_resumed",
        {"mode": "fresh", "cause": "parked-human", "conversation": "c1", "why": "there is no record /r"},
        "its last conversation cannot be resumed: there is no record /r  mode=fresh cause=parked-human conversation=c1",
    ),
    ("launch_failed", {"error": "no"}, "error=no"),
]


@pytest.mark.parametrize(("ev", "fields", "told"), EVENTS)
def test_events_are_sentences(ev: str, fields: dict[str, Any], told: str) -> None:
    """With the cause in the house's own word, and whatever else they carry."""
    event = {"seq": 1, "ts": answers.T0, "ev": ev, "personality": "alice", "identity": "fake-alice", **fields}
    line = event_line({name: value for name, value in event.items() if name != "seq"})
    assert line == f"2023-11-14T22:13:20.000Z  {ev:<16} fake-alice               {told}".rstrip()


def test_who_waits_for_a_queued_message_is_told_where_to_look() -> None:
    """`accepted` says nothing of what holds it up."""
    told = phase({"ev": "accepted", "to": "queued", "personality": "alice"})
    assert told == "queued; `iapeer show alice` tells what it waits for"
    assert phase({"ev": "accepted", "to": "done", "reason": "informational"}) == "accepted: informational"
