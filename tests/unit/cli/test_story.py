"""Every word that the house has for a wake, an end, a wait or a mark has a sentence; and the sentences read well."""

from __future__ import annotations

import ast
import functools
import itertools
from typing import Any, get_args

import pytest

from iapeer.actors import reaping, waking
from iapeer.cli import overview
from iapeer.cli.progress import phase
from iapeer.cli.watch import event_line
from iapeer.fleet import standing
from iapeer.model.holds import HoldCause
from iapeer.store import flags as marks
from iapeer.wording import story
from tests.unit.cli import answers
from tests.unit.cli.fake import REPO, Cli, Daemon


def _causes() -> set[str]:
    """Every cause that the wake table can give."""
    flags = (False, True)
    calls = itertools.product(get_args(waking.By), (None, "a", "b"), flags, flags)
    pasts = itertools.product((None, "parked", "exit"), (("a",),), flags, flags)
    manners = itertools.product(flags, repeat=4)
    return {
        waking.wake(waking.Call(*call), waking.Past(*past), waking.Manner(*manner)).cause
        for call, past, manner in itertools.product(calls, list(pasts), list(manners))
    }


def test_every_cause_of_a_wake_has_a_sentence() -> None:
    """And no sentence is for nothing."""
    assert _causes() == set(story.WAKES)


@functools.cache
def _code() -> list[ast.AST]:
    """Everything that stands in the house."""
    return [node for path in (REPO / "iapeer").rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))]


def _name(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _called(*names: str) -> list[ast.Call]:
    """Every call of a function or a method of one of these names."""
    return [node for node in _code() if isinstance(node, ast.Call) and _name(node) in names]


def _returned(*names: str) -> list[ast.AST]:
    """What functions of these names return."""
    functions = [node for node in _code() if isinstance(node, ast.FunctionDef) and node.name in names]
    return [node for one in functions for node in ast.walk(one) if isinstance(node, ast.Return)]


def _words(*nodes: ast.AST) -> set[str]:
    """The single words that stand in these."""
    found = [one.value for node in nodes for one in ast.walk(node) if isinstance(one, ast.Constant)]
    return {word for word in found if isinstance(word, str) and " " not in word}


def test_every_end_has_a_sentence() -> None:
    """What sessions are ended with, wherever that is."""
    named = [keyword.value for call in _called("end") for keyword in call.keywords if keyword.arg == "cause"]
    first = [call.args[0] for call in _called("bury", "end") if call.args and isinstance(call.args[0], ast.Constant)]
    told = _returned(*(_name(value) for value in named if isinstance(value, ast.Call)))
    found = _words(*named, *first, *told) - {"text"}  # the group of a pattern
    assert found >= {"exit", "stop", "new", "fresh", "parked", "lost", "launch-failed"}
    assert found | {reaping.REAPED, reaping.UNARMED, reaping.TIMEOUT, "unknown"} <= set(story.ENDS)


def test_everything_that_holds_a_message_up_has_a_sentence() -> None:
    """What a look or the fleet say of a queued one; the causes of held ones."""
    found = _words(*_returned("obstacle", "waits_for")) - {"held"}
    assert {"busy", "scheduled", "waking", "draft", "quota"} <= found
    assert found | {standing.EPHEMERAL} <= set(story.WAITS)
    assert set(HoldCause) == set(story.HELD)


def test_every_mark_and_every_arm_has_a_sentence() -> None:
    """By the constants of the store, and by who sets them and why."""
    assert {marks.ARMED, marks.PARKING, marks.REFRESH, marks.FRESH, marks.STOPPED} == set(story.MARKS)
    assert _words(*_called("arm"), *(call for call in _called("set") if len(call.args) > 3)) == set(story.ARMS)


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


def test_a_message_that_was_taken_up_again_shows_each_attempt(cli: Cli, daemon: Daemon) -> None:
    """And why the one before came to nothing, and in which sessions they were."""
    again = {"from": "running", "to": "queued", "reason": "session died (exit)", "attempt": 2}
    events = [
        answers.event(1, "accepted"), answers.event(2, "leased", attempt=1, session="s1"),
        answers.event(3, "queued", **again), answers.event(4, "leased", attempt=2, session="s2"),
    ]  # fmt: skip
    row = {**answers.ROW, "state": "running", "reason": None, "attempt": 2, "retried": "session died (exit)"}
    daemon.on("GET /messages/019a", {**answers.MESSAGE, "row": row, "events": events})
    out = cli.run("message", "019a").out
    assert "state  running; attempt 2, after: session died (exit)\n" in out
    lines = [line[39:] for line in out.splitlines() if line.startswith("2023-")]
    assert [line for line in out.splitlines() if line.startswith("--")] == ["-- attempt 2, after: session died (exit)"]
    assert [" ".join(line.split()) for line in lines] == [
        "accepted", "leased session=s1 attempt=1",
        'queued from=running to=queued reason="session died (exit)" attempt=2', "leased session=s2 attempt=2",
    ]  # fmt: skip


def test_what_a_message_would_find() -> None:
    """In one sentence, whoever sends it."""
    whose = ("person", "old-topic", "agent", "new-topic")
    everybody = [answers.outlook(one, "resume", "parked-human") for one in whose]
    assert story.outlook(everybody, ["a"]).startswith("for any message, its last conversation, resumed: it slept")
    mixed = [*everybody[:2], *(answers.outlook(one, "fresh", "parked-no-topic") for one in whose[2:])]
    assert story.outlook(mixed, ["a", "b"]) == (
        "resumes its conversation for your message without a topic, or one on b or a; begins a fresh one for another "
        "agent's without a topic, or one on another topic"
    )
    assert story.outlook([], []) == ""


@pytest.mark.parametrize(
    ("cause", "signal", "code", "short"),
    [("parked", None, 0, "parked"), ("exit", 9, None, "signal 9,"), ("exit", None, 1, "exit code 1,"),
     ("exit", None, None, "ended"), ("lost", None, None, "found dead")],
)  # fmt: skip
def test_why_it_sleeps_in_a_word(cause: str, signal: int | None, code: int | None, short: str) -> None:
    """As a list has room for it."""
    end = answers.gone(cause, answers.T0, signal=signal, exit_code=code)
    assert story.ended_shortly(end) == short
    assert overview.standing(answers.runtime_of("alice", last_end=end)).startswith(f"asleep ({short} ")


def test_events_are_folded_on_a_terminal_alone(cli: Cli, daemon: Daemon) -> None:
    """Between words, below their kind; a program that reads them finds one line an event."""
    one = answers.event(1, "wake", mode="fresh", cause="ephemeral-policy", session="s1", identity="claude-alice")
    daemon.on("GET /events", lambda asked: (200, {"events": [] if "after=1" in asked.path else [one], "next": 1}))
    line = cli.run("events").out
    assert line.count("\n") == 1 and "every message to a worker has a session of its own" in line
    code, out = cli.terminal("events", env={"COLUMNS": "80"})
    first, *more = out.splitlines()
    assert code == 0 and more and max(map(len, out.splitlines())) <= 80
    assert first.startswith("2023-11-14T22:13:20") and all(further.startswith(" " * 26) for further in more)
    assert " ".join(out.split()) == " ".join(line.split())


def test_who_waits_for_a_queued_message_is_told_where_to_look() -> None:
    """`accepted` says nothing of what holds it up."""
    told = phase({"ev": "accepted", "to": "queued", "personality": "alice"})
    assert told == "queued; `iapeer show alice` tells what it waits for"
    assert phase({"ev": "accepted", "to": "done", "reason": "informational"}) == "accepted: informational"


def test_what_begins_has_no_outlook(cli: Cli, daemon: Daemon) -> None:
    """The next message goes into the session that is being launched."""
    one = answers.runtime_of("alice", last_wake=answers.woken())
    shown = {"peer": answers.peer("alice", runtimes=[one]), "profile": None, "profile_path": "/p", "last_session": None}
    outlook = [answers.outlook("person", "fresh", "crash-or-self-close")]
    daemon.on("GET /peers/alice", {**shown, "outlook": outlook})
    out = cli.run("show", "alice").out
    assert "asleep (starting)" in out and "wakes" not in out


def test_a_dead_message_tells_of_its_attempts_once() -> None:
    """Its error has them all."""
    row = {**answers.ROW, "state": "dead", "error": "session died (exit), in each of 3 sessions", "attempt": 3}
    told = story.stands({**row, "retried": "session died (exit)"}, "alice")
    assert told == "dead: session died (exit), in each of 3 sessions"


def test_a_card_is_folded_on_a_terminal_alone(cli: Cli, daemon: Daemon) -> None:
    """Beside its names; a program that reads it finds one line a fact."""
    one = answers.runtime_of("alice", last_wake=answers.woken("parked-no-topic"))
    shown = {"peer": answers.peer("alice", runtimes=[one]), "profile": None, "profile_path": "/p", "last_session": None}
    daemon.on("GET /peers/alice", shown)
    began = "2023-11-14 22:13:20, a fresh session: it slept, and another agent's message without a topic"
    assert f"  began       {began} is no part of" in cli.run("show", "alice").out
    code, out = cli.terminal("show", "alice", env={"COLUMNS": "70", "NO_COLOR": "1"})
    lines = out.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 70
    after = lines[next(number for number, line in enumerate(lines) if line.startswith("  began")) + 1]
    assert after.startswith(" " * 14) and after.strip()
