"""`iapeer message`: the path of one message, from accepted to answered."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import click

from iapeer.cli.options import json_option, timeout_option, wait_names
from iapeer.cli.progress import progress
from iapeer.cli.verdict import exit_code, print_reply
from iapeer.client.call import SPARE_S, call, persist, url
from iapeer.terminal import output
from iapeer.terminal.streams import complain
from iapeer.wording import times
from iapeer.wording.events import words
from iapeer.wording.story import stands

WAITS = {"delivered": "it is not proven to be delivered", "done": "it is not done", "reply": "it has no answer"}
_HANG = 26  # columns: folded events go on below their time
_PROVEN, _DOUBTFUL = ("delivered",), ("stranded", "unknown")


@click.command()
@click.argument("ident", metavar="ID")
@click.option(
    "--wait", type=click.Choice(list(WAITS)), shell_complete=wait_names,
    help="Wait first for the proof, for the end of the turn, or for the answer.",
)  # fmt: skip
@timeout_option
@json_option
def message(ident: str, wait: str | None, timeout: float | None, as_json: bool) -> int:
    """Show the path of one message: what happened to it, and when; its text; and the answer to it.

    Exit codes with --wait: 0 it has come to that, 1 it never will, 4 timed out, 6 typed but not proven.
    """
    path = url("messages", ident)
    query = {"wait": wait, "timeout_s": timeout}
    patience = None if wait and timeout is None else SPARE_S + (timeout or SPARE_S)
    with _watched(path, wait):
        answer = persist("GET", path, query=query, timeout=patience)
    output.show(answer, as_json, show)
    return _verdict(answer, wait, quiet=as_json)


@contextlib.contextmanager
def _watched(path: str, wait: str | None) -> Iterator[None]:
    """The phases of the message's peer, for a person who waits."""
    if wait is None or not sys.stderr.isatty():
        yield
        return
    with progress(call("GET", path)["message"]["to"]):
        yield


def _verdict(answer: dict[str, Any], wait: str | None, *, quiet: bool) -> int:
    """The exit code; why it is not 0 is said on stderr."""
    stands = (answer["row"] or {}).get("state")
    proven = any(event["ev"] in _PROVEN for event in answer["events"])
    outcome = "delivered" if proven else stands if stands in _DOUBTFUL else "queued"
    code = exit_code({"outcome": outcome, "state": stands, "reply": answer.get("reply")}, wait)
    if wait is None:
        return 0
    if code and not quiet:
        complain(f"Message {answer['message']['id']} is {stands}: {WAITS[wait]}.")
    return code


def show(answer: dict[str, Any]) -> None:
    """Where it stands, its timeline, its text, its answer."""
    sent = answer["message"]
    output.card(_facts(sent, answer["row"], answer.get("replies") or []))
    print()
    for line in _timeline(answer["events"], sent["created_ms"]):
        output.say_folded(line, _HANG)
    print()
    output.say_lines(sent["body"])
    reply = answer.get("reply")
    if reply:
        print()
        output.say(f"answer {reply['id']} from {reply['from']}, {times.moment(reply['created_ms'])}:")
        print_reply(reply)


def _facts(
    sent: dict[str, Any], row: dict[str, Any] | None, replies: list[dict[str, Any]]
) -> Iterator[tuple[str, object]]:
    yield "id", sent["id"]
    yield "from", sent["from"]
    yield "to", row["identity"] if row else sent["to"]
    yield "topic", sent["topic"]
    yield "answers", sent["re"]
    yield "asks", "for an answer" if sent.get("asks") else None
    yield "urgent", "yes" if sent.get("urgent") else None
    yield from (("attached", path) for path in sent.get("attachments") or [])
    yield "key", sent.get("key")
    yield "sent", times.moment(sent["created_ms"])
    yield "not before", times.moment(sent.get("at_ms"))
    yield "expires", times.moment(sent.get("expires_ms"))
    yield "state", stands(row, sent["to"]) if row else None
    for one in replies:
        yield "answered by", f"{one['id']} from {one['from']} ({one['kind']}), {times.moment(one['created_ms'])}"


def _timeline(events: list[dict[str, Any]], began: int) -> Iterator[str]:
    """Its events; where it was taken up again, a line that says why."""
    attempt = 1
    for event in events:
        if (event.get("attempt") or 1) > attempt:
            attempt = event["attempt"]
            yield f"-- attempt {attempt}, after: {event.get('reason') or 'the one before came to nothing'}"
        after = f"+{(event['ts'] - began) / 1000:.3f} s"
        yield f"{times.stamp(event['ts'])} {after:>12}  {event['ev']:<16} {_details(event)}".rstrip()


def _details(event: dict[str, Any]) -> str:
    """What an event says beside its common fields; the session where the message came into it."""
    session = () if event["ev"] == "leased" else ("session",)
    return words(event, ("seq", "ts", "ev", "personality", "identity", "message", *session))
