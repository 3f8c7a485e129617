"""The rollout's rules against records that Codex 0.169.0 wrote (paths made plain, long texts cut)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.records import Entry, Turn, first_meets, fold, parse
from tests.codex_adapter.conftest import HERE

CAPTURED: list[dict[str, Any]] = [json.loads(line) for line in (HERE / "records.jsonl").read_text().splitlines()]


def entries(adapter: Adapter, *records: dict[str, Any]) -> list[Entry]:
    """What the rules make of records."""
    return parse(adapter.transcript, [json.dumps(record).encode() for record in records])


def pick(event: str, reason: str | None = None) -> dict[str, Any]:
    """A captured record of that kind."""
    found: dict[str, Any] = next(r["record"] for r in CAPTURED if (r["event"], r["reason"]) == (event, reason))
    return found


def turn_of(adapter: Adapter, *kinds: str | tuple[str, str]) -> Turn:
    """The turn that records of these kinds add up to, a second apart."""
    records = [pick(*((kind,) if isinstance(kind, str) else kind)) for kind in kinds]
    timed = [{**record, "timestamp": f"2026-11-21T11:00:{second:02}Z"} for second, record in enumerate(records)]
    return fold(Turn(), entries(adapter, *timed))


@pytest.mark.parametrize("captured", CAPTURED, ids=lambda c: f"{c['event']}-{c['record']['type']}")
def test_a_record_is_what_it_was(adapter: Adapter, captured: dict[str, Any]) -> None:
    """Each kind of record that was seen, and that the unknown ones say nothing."""
    found = entries(adapter, captured["record"])
    assert [(entry.event, entry.reason) for entry in found] == (
        [(captured["event"], captured["reason"])] if captured["event"] else []
    )


def test_every_kind_of_event_was_captured() -> None:
    """The table above leaves none out that the file speaks of."""
    kinds = {"user-turn", "turn-start", "turn-end", "interrupted", "error", "assistant", "compacted", "activity"}
    assert kinds == {captured["event"] for captured in CAPTURED} - {None}


def test_a_user_message_proves_the_message(adapter: Adapter) -> None:
    """It comes after task_started; a second one, steered into the turn, counts as well."""
    turn = turn_of(adapter, "turn-start", "user-turn")
    assert (turn.open, turn.arrived) == (True, frozenset({("m1", 1)}))


def test_what_was_said_is_told(adapter: Adapter) -> None:
    """The answer's text, while it is that of the last turn."""
    turn = turn_of(adapter, "turn-start", "user-turn", "assistant", "turn-end")
    assert (turn.open, turn.outcome, turn.last_words) == (False, "done", "ECHO: cost $x here")
    assert turn_of(adapter, "turn-start", "assistant", "turn-end", "turn-start").last_words == ""


@pytest.mark.parametrize("reason", ["api", "login", "quota"])
def test_an_error_ends_the_turn(adapter: Adapter, reason: str) -> None:
    """task_complete with an error is no success."""
    turn = turn_of(adapter, "turn-start", "user-turn", ("error", reason))
    assert (turn.open, turn.outcome, turn.reason) == (False, "error", reason)
    assert turn.error


def test_an_interrupt_closes_the_turn(adapter: Adapter) -> None:
    """turn_aborted; nothing follows it."""
    turn = turn_of(adapter, "turn-start", "user-turn", "interrupted")
    assert (turn.open, turn.outcome) == (False, "interrupted")


def test_a_compaction_is_counted_and_is_a_turn(adapter: Adapter) -> None:
    """Between task_started and task_complete."""
    turn = turn_of(adapter, "turn-start", "compacted", "turn-end")
    assert (turn.open, turn.outcome, turn.compactions) == (False, "done", 1)


def test_only_a_persons_conversation_is_followed(adapter: Adapter, tmp_path: Any) -> None:
    """The first record says whose it is: not an agent's that this one started, not the title's."""
    assert adapter.transcript.find is not None
    meta = next(c["record"] for c in CAPTURED if c["record"]["type"] == "session_meta")
    for source, met in (("user", True), ("subagent", False), ("thread_title", False)):
        file = tmp_path / source
        file.write_text(json.dumps({**meta, "payload": {**meta["payload"], "thread_source": source}}) + "\n")
        assert first_meets(adapter.transcript.find.first, file) is met
