"""The rollout's rules against records that both versions wrote (paths made plain, long texts cut)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iapeer.runtimes.records import Entry, Turn, fold
from iapeer.runtimes.transcripts.jsonlines import first_meets, parse
from tests.unit.codex_adapter.conftest import ADAPTERS, VERSIONS, records

CAPTURED = {version: records(version) for version in VERSIONS}
EACH = [(version, record) for version in VERSIONS for record in CAPTURED[version]]
BOTH = pytest.mark.parametrize("version", VERSIONS)


def entries(version: str, *records: dict[str, Any]) -> list[Entry]:
    """What the rules make of records."""
    return parse(ADAPTERS[version].transcript, [json.dumps(record).encode() for record in records])


def pick(version: str, event: str, reason: str | None = None) -> dict[str, Any]:
    """A captured record of that kind."""
    found: dict[str, Any] = next(r["record"] for r in CAPTURED[version] if (r["event"], r["reason"]) == (event, reason))
    return found


def turn_of(version: str, *kinds: str | tuple[str, str]) -> Turn:
    """The turn that records of these kinds add up to, a second apart."""
    records = [pick(version, *((kind,) if isinstance(kind, str) else kind)) for kind in kinds]
    timed = [{**record, "timestamp": f"2026-11-21T11:00:{second:02}Z"} for second, record in enumerate(records)]
    return fold(Turn(), entries(version, *timed))


@pytest.mark.parametrize(
    ("version", "captured"), EACH, ids=lambda c: c if isinstance(c, str) else f"{c['event']}-{c['record']['type']}"
)
def test_a_record_is_what_it_was(version: str, captured: dict[str, Any]) -> None:
    """Each kind of record that was seen, and that the unknown ones say nothing."""
    found = entries(version, captured["record"])
    assert [(entry.event, entry.reason) for entry in found] == (
        [(captured["event"], captured["reason"])] if captured["event"] else []
    )


@BOTH
def test_every_kind_of_event_was_captured(version: str) -> None:
    """The table above leaves none out that the file speaks of."""
    kinds = {rule.event for rule in ADAPTERS[version].transcript.records}
    assert kinds == {captured["event"] for captured in CAPTURED[version]} - {None}


@BOTH
def test_a_user_message_proves_the_message(version: str) -> None:
    """It comes after task_started; a second one, steered into the turn, counts as well."""
    turn = turn_of(version, "turn-start", "user-turn")
    assert (turn.open, turn.arrived) == (True, frozenset({("m1", 1)}))


@BOTH
def test_what_was_said_is_told(version: str) -> None:
    """The answer's text, while it is that of the last turn."""
    turn = turn_of(version, "turn-start", "user-turn", "assistant", "turn-end")
    assert (turn.open, turn.outcome, turn.last_words) == (False, "done", "ECHO: cost $x here")
    assert turn_of(version, "turn-start", "assistant", "turn-end", "turn-start").last_words == ""


@BOTH
@pytest.mark.parametrize("reason", ["api", "login", "quota"])
def test_an_error_ends_the_turn(version: str, reason: str) -> None:
    """task_complete with an error is no success."""
    turn = turn_of(version, "turn-start", "user-turn", ("error", reason))
    assert (turn.open, turn.outcome, turn.reason) == (False, "error", reason)
    assert turn.error


@BOTH
def test_an_interrupt_closes_the_turn(version: str) -> None:
    """turn_aborted; nothing follows it."""
    turn = turn_of(version, "turn-start", "user-turn", "interrupted")
    assert (turn.open, turn.outcome) == (False, "interrupted")


@BOTH
def test_a_compaction_is_counted_and_is_a_turn(version: str) -> None:
    """Between task_started and task_complete."""
    turn = turn_of(version, "turn-start", "compacted", "turn-end")
    assert (turn.open, turn.outcome, turn.compactions) == (False, "done", 1)


@BOTH
def test_only_a_persons_conversation_is_followed(version: str, tmp_path: Any) -> None:
    """The first record says whose it is: not an agent's that this one started, not the title's."""
    find = ADAPTERS[version].transcript.find
    assert find is not None
    meta = next(c["record"] for c in CAPTURED[version] if c["record"]["type"] == "session_meta")
    for source, met in (("user", True), ("subagent", False), ("thread_title", False)):
        file = tmp_path / source
        file.write_text(json.dumps({**meta, "payload": {**meta["payload"], "thread_source": source}}) + "\n")
        assert first_meets(find.first, file) is met
