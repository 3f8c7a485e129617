"""`send --batch`: what is sent, what is said, and which lines are refused before anything is sent."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli import answers
from tests.unit.cli.fake import Cli, Daemon

LINES = (
    '{"to": "alice", "body": "one", "attachments": ["a.png", "/b"], "key": "k"}\n'
    "\n"
    '{"to": "bob", "body": "two", "urgent": true, "at_ms": 5}\n'
)
TOLD = [answers.SENT, {**answers.SENT, "id": "019c", "outcome": "queued", "reason": "busy", "depth": 2}]


def test_one_request_and_one_line_a_message(cli: Cli, daemon: Daemon) -> None:
    """From a file or from standard input; every message has a key, paths are absolute."""
    daemon.on("POST /send/batch", {"sent": TOLD})
    (cli.base / "b.jsonl").write_text(LINES)
    done = cli.run("send", "--batch", "b.jsonl")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "delivered to claude/alice in 640 ms (id 019a)\nqueued for alice: busy, 2nd in line (id 019c)\n"
    )
    one, two = daemon.table.asked[0].body["messages"]
    assert one == {"to": "alice", "body": "one", "attachments": [f"{cli.base}/a.png", "/b"], "key": "k"}
    assert two.pop("key").startswith("cli-")
    assert two == {"to": "bob", "body": "two", "urgent": True, "at_ms": 5}
    machine = cli.run("send", "--batch", "-", "--json", stdin=LINES)
    assert [json.loads(line) for line in machine.out.splitlines()] == TOLD


def test_the_worst_becomes_the_exit_code(cli: Cli, daemon: Daemon) -> None:
    """The lines of those that are well are there all the same."""
    daemon.on("POST /send/batch", {"sent": [{**answers.SENT, "outcome": "unknown"}, answers.SENT]})
    done = cli.run("send", "--batch", "-", stdin=LINES)
    assert (done.code, done.out.count("\n"), done.err.count("\n")) == (6, 1, 1)


def test_all_or_none(cli: Cli, daemon: Daemon) -> None:
    """The daemon's refusal names the message."""
    daemon.refuse("POST /send/batch", "unknown-peer", "message 2: There is no peer 'bob'.", 3)
    done = cli.run("send", "--batch", "-", stdin=LINES)
    assert (done.code, done.out, done.err) == (3, "", "iapeer: message 2: There is no peer 'bob'.\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "There is no message in standard input."),
        ('{"to": "a", "body": "b"}\n{"to": \n', "standard input, line 2: not valid JSON (Expecting value, column 8)."),
        ("[1]", "line 1: one JSON object is wanted"),
        ('{"to": "a", "body": "b", "attach": ["x"]}', "line 1: there is no field 'attach': did you mean attachments?"),
        ('{"to": "a", "body": "b", "wait": "done"}', "line 1: there is no field 'wait': known are to, body, "),
        ('{"body": "b"}', "line 1: the field 'to' is missing."),
        ("[" * 100_000, "line 1: nested too deeply."),
    ],
)
def test_a_line_that_does_not_fit_sends_nothing(cli: Cli, daemon: Daemon, text: str, said: str) -> None:
    """2, and the line's number."""
    done = cli.run("send", "--batch", "-", stdin=text)
    assert (done.code, done.out, daemon.table.asked) == (2, "", [])
    assert done.err.count("\n") == 1 and said in done.err
