"""How `show`, `message` and `events` look: each attempt, what is to come, and lines that are folded on a terminal."""

from __future__ import annotations

import pytest

from iapeer.cli.show.standing import standing
from iapeer.wording import causes
from tests.unit.cli import answers
from tests.unit.cli.fake import Cli, Daemon


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


def test_what_begins_has_no_outlook(cli: Cli, daemon: Daemon) -> None:
    """The next message goes into the session that is being launched."""
    one = answers.runtime_of("alice", last_wake=answers.woken())
    shown = {"peer": answers.peer("alice", runtimes=[one]), "profile": None, "profile_path": "/p", "last_session": None}
    outlook = [answers.outlook("person", "fresh", "crash-or-self-close")]
    daemon.on("GET /peers/alice", {**shown, "outlook": outlook})
    out = cli.run("show", "alice").out
    assert "asleep (starting)" in out and "wakes" not in out


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


@pytest.mark.parametrize(
    ("cause", "signal", "code", "short"),
    [("parked", None, 0, "parked"), ("exit", 9, None, "signal 9,"), ("exit", None, 1, "exit code 1,"),
     ("exit", None, None, "ended"), ("lost", None, None, "found dead")],
)  # fmt: skip
def test_why_it_sleeps_in_a_word(cause: str, signal: int | None, code: int | None, short: str) -> None:
    """As a list has room for it."""
    end = answers.gone(cause, answers.T0, signal=signal, exit_code=code)
    assert causes.ended_shortly(end) == short
    assert standing(answers.runtime_of("alice", last_end=end)).startswith(f"asleep ({short} ")
