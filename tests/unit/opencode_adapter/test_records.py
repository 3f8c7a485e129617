"""The rules for rows against those that the program wrote (paths made plain, long texts cut)."""

from __future__ import annotations

from typing import Any

import pytest

from iapeer.runtimes.records import Entry, Turn, entries_of, fold
from tests.unit.claude_adapter.texts import message
from tests.unit.opencode_adapter.conftest import ADAPTER, RECORDS


def entries(*records: dict[str, Any]) -> list[Entry]:
    """What the rules make of records."""
    return entries_of(ADAPTER.transcript, records)


def pick(**wanted: Any) -> dict[str, Any]:
    """The captured record whose part or message has these values."""
    for captured in RECORDS:
        record: dict[str, Any] = captured["record"]
        body = {**record.get("info", {}), **record.get("part", {}), "event": captured["event"]}
        if all(body.get(name) == value for name, value in wanted.items()):
            return record
    raise LookupError(wanted)


USER = {**pick(event="user-turn"), "part": {**pick(event="user-turn")["part"], "text": message("hello")}}
SAID, END = pick(event="assistant"), pick(event="turn-end")
TOOL_CALLS = pick(event="activity", finish="tool-calls")


def turn_of(*records: dict[str, Any]) -> Turn:
    """The turn that records add up to, without the times at which they were captured."""
    timeless = ({name: value for name, value in record.items() if name != "time"} for record in records)
    return fold(Turn(), entries(*timeless))


@pytest.mark.parametrize("captured", RECORDS, ids=lambda c: f"{c['event']}-{c['record']['type']}")
def test_a_record_is_what_it_was(captured: dict[str, Any]) -> None:
    """Each kind of record that was seen, and that the others say nothing."""
    expected = [(captured["event"], captured["reason"])] if captured["event"] else []
    assert [(entry.event, entry.reason) for entry in entries(captured["record"])] == expected


def test_every_kind_of_event_was_captured() -> None:
    """The table above leaves none out that the file speaks of."""
    kinds = {rule.event for rule in ADAPTER.transcript.records}
    assert kinds == {captured["event"] for captured in RECORDS} - {None}


def test_a_users_text_proves_the_message_and_opens_the_turn() -> None:
    """With its time."""
    turn = fold(Turn(), entries(USER))
    assert (turn.open, turn.arrived, turn.opened) == (True, frozenset({("m1", 1)}), USER["time"])


def test_the_agents_completion_ends_it() -> None:
    """With what was said; not one that wanted a tool."""
    turn = turn_of(USER, SAID, TOOL_CALLS, SAID, END)
    assert (turn.open, turn.outcome, turn.last_words) == (False, "done", SAID["part"]["text"])
    assert turn_of(USER, SAID, TOOL_CALLS).open


def test_a_late_change_of_the_users_message_opens_nothing() -> None:
    """It is written again after the end, with the time of its beginning."""
    assert not turn_of(USER, SAID, END, pick(event=None, role="user")).open


@pytest.mark.parametrize(
    ("record", "outcome", "error"),
    [
        (pick(event="interrupted", role="assistant"), "interrupted", None),
        (pick(event="interrupted", role="assistant", error=None), "interrupted", None),
        (pick(event="interrupted", type="tool"), "interrupted", None),
        (pick(event="error"), "error", "a scripted 400"),
    ],
)
def test_other_ends(record: dict[str, Any], outcome: str, error: str | None) -> None:
    """Escape, also while it waited to ask the model again; a refusal; an error of the model."""
    turn = turn_of(USER, record)
    assert (turn.open, turn.outcome, turn.error) == (False, outcome, error)


def test_a_tool_that_fails_ends_nothing() -> None:
    """Its error is for the agent, and so is a person's reason for refusing."""
    refused = pick(event="interrupted", type="tool")
    for error in ("no such file", f"{refused['part']['state']['error'].rstrip('.')} with the following feedback: no"):
        part = {**refused["part"], "state": {**refused["part"]["state"], "error": error}}
        assert turn_of(USER, {**refused, "part": part}).open


def test_a_compaction_on_request_is_a_turn() -> None:
    """It is counted when it is done, and nothing is open then."""
    begun, done = pick(type="compaction", auto=False), pick(event="compacted")
    assert (turn_of(begun).open, turn_of(begun).compactions) == (True, 0)
    assert (turn_of(begun, SAID, done).open, turn_of(begun, SAID, done).compactions) == (False, 1)
    assert turn_of(begun, USER, SAID, done).open  # a message that came meanwhile has its turn next


def test_a_compaction_in_mid_turn_ends_nothing() -> None:
    """The message's turn goes on behind it, and ends with its own words."""
    begun, done, told = pick(type="compaction", auto=True), pick(event="compacted"), pick(synthetic=True)
    turn = turn_of(USER, TOOL_CALLS, begun, done)
    assert (turn.open, turn.ending(("m1", 1))) == (True, None)
    last = {**SAID, "part": {**SAID["part"], "text": "the last words"}}
    ending = turn_of(USER, TOOL_CALLS, begun, SAID, done, told, last, END).ending(("m1", 1))
    assert ending is not None
    assert (ending.outcome, ending.words) == ("done", "the last words")


def test_a_compaction_after_an_answer_is_nobodys() -> None:
    """The message's turn is over; the agent goes on in one of nobody's."""
    begun, done, told = pick(type="compaction", auto=True), pick(event="compacted"), pick(synthetic=True)
    turn = turn_of(USER, SAID, END, begun, done, told)
    ending = turn.ending(("m1", 1))
    assert (turn.open, ending and ending.outcome) == (True, "done")
    assert not turn_of(USER, SAID, END, begun, done, told, SAID, END).open
