"""`ask`: the answer alone, why there is none, and what is asked of the daemon; waiting for the answer later."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cli import answers
from tests.unit.cli.fake import Asked, Cli, Daemon, error


def test_the_answer_alone(cli: Cli, daemon: Daemon) -> None:
    """On stdout, safe for a terminal; the paths that came with it on stderr."""
    reply = {**answers.REPLY, "body": "\x1b[31mPort\t8080.\n"}
    daemon.on("POST /send", {**answers.ANSWERED, "reply": reply})
    done = cli.run("ask", "alice", "which", "port?", "--topic", "t", "--attach", "a", "--timeout", "2m")
    assert (done.out, done.code) == ("\\x1b[31mPort\t8080.\n", 0)
    assert done.err == "iapeer: attached: /s/attached/ab/notes.txt\n"
    body = daemon.table.asked[0].body
    assert body.pop("key").startswith("cli-")
    assert body == {
        "to": "alice",
        "body": "which port?",
        "topic": "t",
        "attachments": [f"{cli.base}/a"],
        "asks": True,
        "wait": "reply",
        "timeout_s": 120.0,
    }


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"state": "done", "reason": "no-reply"}, 1, "claude/alice ended its turn without an answer: "),
        ({"state": "failed", "reason": "interrupted"}, 1, "has not answered, and will not (failed: interrupted): "),
        ({"state": "dead", "outcome": "queued"}, 1, "has not answered, and will not (dead): "),
        ({"state": "stranded", "outcome": "stranded"}, 6, "stranded at claude/alice: typed, and not proven"),
        (
            {"state": "queued", "outcome": "queued", "reason": "busy"},
            4,
            "no answer from claude/alice yet (queued: busy); it will still come",
        ),
        (
            {"state": "held", "outcome": "queued", "reason": "stopped"},
            4,
            "yet (held: stopped); `iapeer start alice` lets it go; it will still come",
        ),
        (
            {"state": "queued", "outcome": "queued", "reason": "dialog"},
            4,
            "`iapeer peek alice` shows it, `iapeer answer alice KEY` answers it; it",
        ),
        ({"state": "running"}, 4, "yet (running); `iapeer peek alice` shows what it does; it will still come"),
    ],
)
def test_no_answer(cli: Cli, daemon: Daemon, changes: dict[str, Any], code: int, said: str) -> None:
    """One sentence that names the message; nothing on stdout."""
    daemon.on("POST /send", {**answers.SENT, **changes})
    done = cli.run("ask", "alice", "why?")
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1)
    assert said in done.err and "iapeer message 019a" in done.err


def _late(asked: Asked) -> tuple[int, Any]:
    if "wait" in asked.body:
        return 504, error("timeout", "Message 019a is running after 1 s.", 4)
    return 200, answers.SENT


def test_an_answer_that_is_late(cli: Cli, daemon: Daemon) -> None:
    """The same key is asked where the question stands, so the id can be named: the answer will still come."""
    daemon.on("POST /send", _late)
    daemon.on("GET /messages/019a", answers.MESSAGE)
    done = cli.run("ask", "alice", "why?", "--timeout", "1s")
    assert (done.code, done.out) == (4, "")
    assert "it will still come: `iapeer message 019a --wait reply`" in done.err
    first, second = (asked.body for asked in daemon.table.asked if asked.method == "POST")
    assert second == {name: value for name, value in first.items() if name not in ("wait", "timeout_s")}
    machine = cli.run("ask", "alice", "why?", "--json")
    assert (machine.json["id"], machine.code) == ("019a", 4)


def test_an_answer_that_comes_at_the_last_moment(cli: Cli, daemon: Daemon) -> None:
    """It is printed, not called late."""
    daemon.on("POST /send", _late)
    daemon.on("GET /messages/019a", answers.ANSWERED_MESSAGE)
    done = cli.run("ask", "alice", "why?", "--timeout", "1s")
    assert (done.code, done.out) == (0, "Port 8080.\nNothing else.\n")


def test_a_question_that_is_refused(cli: Cli, daemon: Daemon) -> None:
    """3, by the daemon's own sentence; `-f -` and a pipe ask too."""
    daemon.refuse("POST /send", "wait-cycle", "alice waits for you already.", 3)
    done = cli.run("ask", "alice", "-f", "-", stdin="from a pipe")
    assert (done.code, done.out, done.err) == (3, "", "iapeer: alice waits for you already.\n")
    assert daemon.table.asked[0].body["body"] == "from a pipe"


@pytest.mark.parametrize(
    ("changes", "wait", "code", "said"),
    [
        ({"reply": None, "state": "running"}, "reply", 4, "Message 019a is running: it has no answer."),
        ({"reply": None, "state": "done"}, "reply", 1, "Message 019a is done: it has no answer."),
        ({"state": "running"}, "delivered", 0, ""),
        ({"state": "running"}, "done", 4, "Message 019a is running: it is not done."),
        ({"state": "failed"}, "delivered", 0, ""),
        ({"state": "failed"}, "done", 1, "Message 019a is failed: it is not done."),
        ({"state": "stranded", "events": []}, "delivered", 6, "it is not proven to be delivered."),
    ],
)
def test_waiting_for_a_message(
    cli: Cli, daemon: Daemon, changes: dict[str, Any], wait: str, code: int, said: str
) -> None:
    """The exit code says whether it has come to that; its path is shown anyway."""
    row = {**answers.ROW, "state": changes.pop("state"), "reason": None}
    daemon.on(f"GET /messages/019a?wait={wait}", {**answers.ANSWERED_MESSAGE, "row": row, **changes})
    done = cli.run("message", "019a", "--wait", wait)
    assert done.code == code and done.out.startswith("id ")
    assert said in done.err
    assert cli.run("message", "019a", "--wait", wait, "--json").code == code
