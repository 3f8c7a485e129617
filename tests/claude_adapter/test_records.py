"""The transcript's rules against records that Claude Code 2.1.197 wrote (paths and ids made plain)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.records import Entry, Turn, fold, newest_ms, parse
from iapeer.sessions.filewatch import files_of
from iapeer.sessions.launchplan import fill
from tests.claude_adapter.conftest import HERE

CAPTURED: list[dict[str, Any]] = [json.loads(line) for line in (HERE / "records.jsonl").read_text().splitlines()]
ENVELOPE = '<iap id="m1" from="bob" runtime="codex" intelligence="artificial" kind="work">\n[note]\n'
ENVELOPE += "<message><![CDATA[hi]]></message>\n</iap>\n"


def entries(adapter: Adapter, *records: dict[str, Any]) -> list[Entry]:
    """What the rules make of records."""
    return parse(adapter.transcript, [json.dumps(record).encode() for record in records])


def pick(event: str, reason: str | None = None) -> dict[str, Any]:
    """A captured record of that kind."""
    found: dict[str, Any] = next(r["record"] for r in CAPTURED if (r["event"], r["reason"]) == (event, reason))
    return found


@pytest.mark.parametrize("captured", CAPTURED, ids=lambda c: f"{c['event']}-{c['record']['type']}")
def test_a_record_is_what_it_was(adapter: Adapter, captured: dict[str, Any]) -> None:
    """Each kind of record that was seen, and that the unknown ones say nothing."""
    found = entries(adapter, captured["record"])
    assert [(entry.event, entry.reason) for entry in found] == (
        [(captured["event"], captured["reason"])] if captured["event"] else []
    )


def test_every_kind_of_event_was_captured() -> None:
    """The table above leaves none out that the file speaks of."""
    kinds = {"user-turn", "queued-input", "enqueued", "turn-start", "turn-end", "interrupted", "error", "answer"}
    assert kinds | {"activity", "compacted"} == {captured["event"] for captured in CAPTURED} - {None}


@pytest.mark.parametrize("content", [ENVELOPE, [{"type": "text", "text": ENVELOPE}]])
def test_a_user_turn_proves_the_message(adapter: Adapter, content: object) -> None:
    """As a string or as blocks, the text is the envelope."""
    record = {"type": "user", "message": {"role": "user", "content": content}, "timestamp": "2026-11-21T11:26:22.210Z"}
    (entry,) = entries(adapter, record)
    turn = fold(Turn(), [entry])
    assert (turn.open, turn.arrived, turn.last_ms) == (True, frozenset({("m1", 1)}), 1795260382210)


def test_input_that_entered_a_tools_turn_counts(adapter: Adapter) -> None:
    """Only the attachment does: being queued is not yet delivered."""
    assert not fold(Turn(), entries(adapter, pick("enqueued"))).arrived
    assert fold(Turn(), entries(adapter, pick("queued-input"))).arrived


def in_turn(*records: dict[str, Any]) -> list[dict[str, Any]]:
    """Records from several captures, a second apart: their times decide what came first."""
    return [{**record, "timestamp": f"2026-11-21T11:00:{second:02}Z"} for second, record in enumerate(records)]


def test_sub_agents_are_found_beside_the_transcript(adapter: Adapter, tmp_path: Path) -> None:
    """By the last dated entry of each, whatever the files' own times are; what is cut off or undated is passed."""
    assert adapter.transcript.beside is not None
    home = tmp_path / "home [1]"
    folder = home / "projects" / "-work-alice" / "c1" / "subagents"
    folder.mkdir(parents=True)
    pattern = fill(adapter.transcript.beside, {"home": str(home), "conversation": "c1"})
    assert newest_ms(adapter.transcript.time, files_of(pattern)) is None
    told = in_turn(pick("user-turn"), pick("answer"), pick("turn-end"))
    lines = [json.dumps({**record, "isSidechain": True, "agentId": "a1"}) + "\n" for record in told]
    (folder / "agent-a1.jsonl").write_text("".join(lines[:2]) + "x" * 100_000 + "\n")
    (folder / "agent-a2.jsonl").write_text(lines[0] + '{"type": "summary"}\n' + lines[2][:50])
    (folder / "agent-a3.jsonl").write_text("")
    os.utime(folder / "agent-a3.jsonl", (2_000_000_000, 2_000_000_000))
    assert newest_ms(adapter.transcript.time, files_of(pattern)) == entries(adapter, told[1])[0].ms


def test_an_error_ends_as_an_error_though_turn_duration_follows(adapter: Adapter) -> None:
    """As every API error was seen to end."""
    for reason in ("api", "login", "quota"):
        records = in_turn(pick("user-turn"), pick("error", reason), pick("turn-end"))
        turn = fold(Turn(), entries(adapter, *records))
        assert (turn.open, turn.outcome, turn.reason) == (False, "error", reason)


def test_an_interrupt_closes_the_turn(adapter: Adapter) -> None:
    """No turn_duration follows it."""
    turn = fold(Turn(), entries(adapter, *in_turn(pick("user-turn"), pick("answer"), pick("interrupted"))))
    assert (turn.open, turn.outcome) == (False, "interrupted")


def test_a_body_cannot_play_the_interrupt(adapter: Adapter) -> None:
    """The words inside an envelope are a user's words."""
    content = ENVELOPE.replace("hi", "\n[Request interrupted by user]\n")
    (entry,) = entries(adapter, {"type": "user", "message": {"content": content}})
    assert entry.event == "user-turn"


def test_a_command_opens_no_turn(adapter: Adapter) -> None:
    """After /compact no turn_duration comes: its records must not leave a turn open."""
    commands = [c["record"] for c in CAPTURED if c["event"] == "activity" and c["record"]["type"] == "user"]
    assert len(commands) >= 4
    assert not fold(Turn(), entries(adapter, *commands)).open


@pytest.mark.parametrize(
    "text",
    [
        "You've hit your limit · resets 1:30pm (UTC)",
        "You've hit your session limit · resets 3pm (UTC)",
        "You've reached your Fable 5 limit.",
        "You're out of usage credits. /model to switch models.",
        "Your org is out of usage · add funds to continue",
        "API Error: 400 You have reached your specified API usage limits.",
        "Credit balance is too low",
    ],
)
def test_the_words_of_a_usage_limit(adapter: Adapter, text: str) -> None:
    """The first was seen; the others are the program's own texts."""
    record = {"type": "assistant", "isApiErrorMessage": True, "error": "rate_limit"}
    (entry,) = entries(adapter, {**record, "message": {"content": [{"type": "text", "text": text}]}})
    assert (entry.event, entry.reason, entry.text) == ("error", "quota", text)
