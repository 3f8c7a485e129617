"""The transcript's rules against records that both versions wrote (paths made plain, long texts cut)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from iapeer.model.envelope import decode
from iapeer.runtimes.records import Entry, Turn, fold
from iapeer.runtimes.transcripts.jsonlines import newest_ms, parse
from iapeer.sessions.filewatch import files_of
from iapeer.sessions.launchplan import fill
from tests.unit.claude_adapter.conftest import ADAPTERS, HERE, VERSIONS, records
from tests.unit.claude_adapter.texts import TYPED, message

Json = dict[str, Any]
CAPTURED = {version: records(version) for version in VERSIONS}
EACH = [(version, record) for version in VERSIONS for record in CAPTURED[version]]
BOTH = pytest.mark.parametrize("version", VERSIONS)


def entries(version: str, *records: Json) -> list[Entry]:
    """What the rules make of records."""
    return parse(ADAPTERS[version].transcript, [json.dumps(record).encode() for record in records])


def pick(version: str, event: str, reason: str | None = None) -> Json:
    """A captured record of that kind."""
    fits = (each["record"] for each in CAPTURED[version] if (each["event"], each["reason"]) == (event, reason))
    found: Json = next(fits)
    return found


def turns(version: str, name: str) -> list[Json]:
    """The records of a captured conversation; those that say nothing of a turn are left out."""
    return [json.loads(line) for line in (HERE / "turns" / version / f"{name}.jsonl").read_text().splitlines()]


def states(version: str, name: str) -> list[Turn]:
    """The turn after each entry of a captured conversation."""
    read = entries(version, *turns(version, name))
    return [fold(Turn(), read[: at + 1]) for at in range(len(read))]


def timed(*records: Json, seconds: tuple[float, ...] | None = None) -> list[Json]:
    """Records from several captures, a second apart: their times decide what came first."""
    at = seconds or tuple(range(len(records)))
    return [{**each, "timestamp": f"2026-11-21T11:00:{when:06.3f}Z"} for each, when in zip(records, at, strict=True)]


def said(record: Json, text: str) -> Json:
    """The record with that text as its message."""
    return {**record, "message": {**record["message"], "content": [{"type": "text", "text": text}]}}


@pytest.mark.parametrize(
    ("version", "captured"), EACH, ids=lambda c: c if isinstance(c, str) else f"{c['event']}-{c['record']['type']}"
)
def test_a_record_is_what_it_was(version: str, captured: Json) -> None:
    """Each kind of record that was seen, and that the unknown ones say nothing."""
    found = entries(version, captured["record"])
    assert [(entry.event, entry.reason) for entry in found] == (
        [(captured["event"], captured["reason"])] if captured["event"] else []
    )


@BOTH
def test_every_kind_of_event_was_captured(version: str) -> None:
    """The tables leave none out that the file speaks of."""
    kinds = {rule.event for rule in ADAPTERS[version].transcript.records}
    assert kinds == {captured["event"] for captured in CAPTURED[version]} - {None}


@BOTH
@pytest.mark.parametrize("blocks", [False, True])
def test_a_user_turn_proves_the_message(version: str, blocks: bool) -> None:
    """As a string or as blocks, the text is the envelope."""
    text = message("hi")
    content: object = [{"type": "text", "text": text}] if blocks else text
    record = {"type": "user", "message": {"role": "user", "content": content}, "timestamp": "2026-11-21T11:26:22.210Z"}
    turn = fold(Turn(), entries(version, record))
    assert (turn.open, turn.arrived, turn.last_ms) == (True, frozenset({("m1", 1)}), 1795260382210)


@BOTH
def test_input_that_entered_a_tools_turn_counts(version: str) -> None:
    """Only the attachment does: being queued is not yet delivered."""
    assert not fold(Turn(), entries(version, pick(version, "enqueued"))).arrived
    assert fold(Turn(), entries(version, pick(version, "queued-input"))).arrived


def test_pasted_content_stays_around_the_body() -> None:
    """2.1.332 marks what was folded, a body or all of it: what is read back is what was sent."""
    seen = [entry.text for entry in entries("2.1.332", *(each["record"] for each in CAPTURED["2.1.332"]))]
    marked = [text for text in seen if "<pasted_content id=" in text and "<iap " in text]
    bodies = {envelope.body for text in marked if (envelope := decode(text))}
    assert len(marked) > 5
    assert {envelope.body for envelope in [decode(TYPED["mixed"])] if envelope} <= bodies
    assert not any("pasted_content" in body for body in bodies)


@BOTH
def test_a_prompt_with_a_picture_is_a_prompt(version: str) -> None:
    """The text stands in a block beside the picture's; where the picture came from is told in a record of its own."""
    with_picture = [
        each["record"]
        for each in CAPTURED[version]
        if each["record"]["type"] == "user" and "Image" in json.dumps(each["record"]["message"])
    ]
    events = [entry.event for entry in entries(version, *with_picture)]
    assert {"user-turn", "activity"} == set(events)
    record = pick(version, "user-turn")
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    content = [image, {"type": "text", "text": "[Image #2]" + message("one\ntwo")}]
    (entry,) = entries(version, {**record, "message": {"role": "user", "content": content}})
    assert fold(Turn(), [entry]).arrived == {("m1", 1)}


def test_what_a_request_holds_proves_nothing() -> None:
    """2.1.332 also writes down what it sends to the model, our messages with it."""
    requests = [each["record"] for each in CAPTURED["2.1.332"] if each["record"]["type"].startswith("api-request")]
    assert any("<iap id=" in json.dumps(record, ensure_ascii=False).replace('\\"', '"') for record in requests)
    turn = fold(Turn(), entries("2.1.332", *requests))
    assert (turn.open, turn.opened, turn.arrived, turn.said) == (False, 0, frozenset(), "")


@BOTH
def test_sub_agents_are_found_beside_the_transcript(version: str, tmp_path: Path) -> None:
    """By the last dated entry of each, whatever the files' own times are; what is cut off or undated is passed."""
    adapter = ADAPTERS[version]
    assert adapter.transcript.beside is not None
    home = tmp_path / "home [1]"
    folder = home / "projects" / "-work-alice" / "c1" / "subagents"
    folder.mkdir(parents=True)
    pattern = fill(adapter.transcript.beside, {"home": str(home), "conversation": "c1"})
    assert newest_ms(adapter.transcript.time, files_of(pattern)) is None
    told = timed(pick(version, "user-turn"), pick(version, "answer"), pick(version, "turn-end"))
    lines = [json.dumps({**record, "isSidechain": True, "agentId": "a1"}) + "\n" for record in told]
    (folder / "agent-a1.jsonl").write_text("".join(lines[:2]) + "x" * 100_000 + "\n")
    (folder / "agent-a2.jsonl").write_text(lines[0] + '{"type": "summary"}\n' + lines[2][:50])
    (folder / "agent-a3.jsonl").write_text("")
    os.utime(folder / "agent-a3.jsonl", (2_000_000_000, 2_000_000_000))
    assert newest_ms(adapter.transcript.time, files_of(pattern)) == entries(version, told[1])[0].ms


@BOTH
def test_a_turn_with_a_sub_agent_ends_with_the_results_turn(version: str) -> None:
    """The first turn_duration names the agents that are still at work; what the second turn says is the answer."""
    seen = states(version, "agent")
    durations = [at for at, record in enumerate(turns(version, "agent")) if record.get("subtype") == "turn_duration"]
    assert [(seen[at].open, seen[at].outcome) for at in durations] == [(True, None), (False, "done")]
    assert seen[durations[0]].last_words == "It runs; more later."
    ending = seen[-1].ending(("m1", 1))
    assert ending is not None
    assert (ending.outcome, ending.words) == ("done", turns(version, "agent")[-2]["message"]["content"][0]["text"])


@BOTH
@pytest.mark.parametrize("name", ["cron", "quota_auto", "peer_bypass"])
def test_a_turn_nobody_typed_is_not_ours(version: str, name: str) -> None:
    """A schedule, the end of a usage limit, another session: a turn, but an envelope in its prompt proves nothing."""
    if not (HERE / "turns" / version / f"{name}.jsonl").exists():
        assert version == "2.1.197"  # it has none of the other two
        return
    seen = states(version, name)
    begun = next(at for at, entry in enumerate(entries(version, *turns(version, name))) if entry.event == "turn-start")
    assert (seen[begun].open, seen[-1].open, seen[-1].outcome) == (True, False, "done")
    assert not seen[-1].arrived


@BOTH
@pytest.mark.parametrize("way", ["exit2", "block"])
def test_a_refused_prompt_is_told_with_its_reason(version: str, way: str) -> None:
    """A hook of the user's kept it from the model: no turn, and which message it was."""
    (turn,) = states(version, f"refused_{way}")
    ((key, why),) = turn.refused
    assert (turn.open, turn.arrived, key) == (False, frozenset(), ("m1", 1))
    assert "not allowed here" in why
    assert "<iap" not in why


@BOTH
def test_a_stopped_prompt_ends_its_turn_with_the_reason(version: str) -> None:
    """By `continue: false` the prompt is on record, no model saw it, and nothing else ends its turn."""
    turn = states(version, "refused_stop")[-1]
    assert (turn.open, turn.outcome, turn.arrived) == (False, "error", frozenset({("m1", 1)}))
    assert turn.error == "Operation stopped by hook: not allowed here"


@BOTH
def test_a_stop_hook_that_goes_on_keeps_the_turn_open(version: str) -> None:
    """Two answers and one end: the second is what was said."""
    *before, last = states(version, "stop_blocks")
    assert [turn.open for turn in before] == [True] * len(before)
    answers = [record for record in turns(version, "stop_blocks") if record["type"] == "assistant"]
    assert (last.open, last.outcome, len(answers)) == (False, "done", 2)
    assert last.last_words == answers[-1]["message"]["content"][0]["text"]


@BOTH
@pytest.mark.parametrize("reason", ["api", "login", "quota"])
@pytest.mark.parametrize("ended", [False, True])
def test_an_error_ends_the_turn(version: str, reason: str, ended: bool) -> None:
    """Alone, or with turn_duration after it, as 2.1.197 writes it."""
    told = [pick(version, "user-turn"), pick(version, "error", reason), *([pick(version, "turn-end")] if ended else [])]
    turn = fold(Turn(), entries(version, *timed(*told)))
    assert (turn.open, turn.outcome, turn.reason) == (False, "error", reason)
    assert (turn.reset is None) is (reason != "quota" or version == "2.1.197")


@BOTH
def test_what_follows_an_error_is_a_turn_of_its_own(version: str) -> None:
    """Whether turn_duration came or not."""
    seen = list(zip(entries(version, *turns(version, "errors")), states(version, "errors"), strict=True))
    assert [turn.open for entry, turn in seen if entry.event == "user-turn"] == [True, True]
    assert not any(turn.open for entry, turn in seen if entry.event in ("error", "turn-end"))


@BOTH
def test_a_late_end_keeps_the_words_of_two_turns_apart(version: str) -> None:
    """turn_duration of the first, written when the second was under way."""
    user, answer, end = (pick(version, kind) for kind in ("user-turn", "answer", "turn-end"))
    first, second = (said(user, message("hi").replace('"m1"', f'"{name}"')) for name in ("m1", "m2"))
    told = timed(
        first, said(answer, "one"), second, end, said(answer, "two"), end, seconds=(0.0, 1.0, 2.0, 1.5, 3.0, 4.0)
    )
    turn = fold(Turn(), entries(version, *told))
    endings = [turn.ending((name, 1)) for name in ("m1", "m2")]
    assert [ending and (ending.outcome, ending.words) for ending in endings] == [("done", "one"), ("done", "two")]
    under_way = fold(Turn(), entries(version, *told[:4]))
    assert (under_way.open, under_way.ending(("m2", 1))) == (True, None)


@BOTH
def test_an_interrupt_closes_the_turn(version: str) -> None:
    """No turn_duration follows it."""
    told = timed(*(pick(version, kind) for kind in ("user-turn", "answer", "interrupted")))
    turn = fold(Turn(), entries(version, *told))
    assert (turn.open, turn.outcome) == (False, "interrupted")


@BOTH
def test_a_body_cannot_play_the_interrupt(version: str) -> None:
    """The words inside an envelope are a user's words."""
    (entry,) = entries(version, {"type": "user", "message": {"content": message("\n[Request interrupted by user]\n")}})
    assert entry.event == "user-turn"


@BOTH
def test_a_command_opens_no_turn(version: str) -> None:
    """After /compact no turn_duration comes: its records must not leave a turn open."""
    users = [each for each in CAPTURED[version] if each["event"] == "activity" and each["record"]["type"] == "user"]
    assert len(users) >= 4
    assert not fold(Turn(), entries(version, *(each["record"] for each in users))).open


@BOTH
@pytest.mark.parametrize(
    "text",
    [
        "You've hit your limit · resets 1:30pm (UTC)",
        "You've hit your session limit · resets 3pm (UTC)",
        "You've hit your 5-hour limit · resets 4:27pm (UTC) · out of usage credits",
        "You've reached your Fable 5 limit.",
        "You're out of usage credits. /model to switch models.",
        "Your org is out of usage · add funds to continue",
        "API Error: 400 You have reached your specified API usage limits.",
        "Credit balance is too low",
    ],
)
def test_the_words_of_a_usage_limit(version: str, text: str) -> None:
    """The first and the third were seen; the others are the program's own texts."""
    record = {"type": "assistant", "isApiErrorMessage": True, "error": "rate_limit"}
    (entry,) = entries(version, {**record, "message": {"content": [{"type": "text", "text": text}]}})
    assert (entry.event, entry.reason, entry.text) == ("error", "quota", text)
