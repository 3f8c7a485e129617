"""`iapeer message`: show the path of one message, from accepted to answered."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import click

from iapeer.cli.options import json_option, timeout_option, wait_names
from iapeer.cli.outcome import exit_code
from iapeer.cli.progress import progress
from iapeer.cli.show.message import show_message
from iapeer.client.call import SPARE_S, call, persist, url
from iapeer.terminal import output
from iapeer.terminal.streams import complain

WAITS = {"delivered": "it is not proven to be delivered", "done": "it is not done", "reply": "it has no answer"}
_PROVEN, _DOUBTFUL = ("delivered",), ("stranded", "unknown")


@click.command("message")
@click.argument("ident", metavar="ID")
@click.option(
    "--wait", type=click.Choice(list(WAITS)), shell_complete=wait_names,
    help="Wait first for the proof, for the end of the turn, or for the answer.",
)  # fmt: skip
@timeout_option
@json_option
def command(ident: str, wait: str | None, timeout: float | None, as_json: bool) -> int:
    """Show the path of one message: what happened to it, and when; its text; and the answer to it.

    Exit codes with --wait: 0 it has come to that, 1 it never will, 4 timed out, 6 typed but not proven.
    """
    path = url("messages", ident)
    query = {"wait": wait, "timeout_s": timeout}
    patience = None if wait and timeout is None else SPARE_S + (timeout or SPARE_S)
    with _watched(path, wait):
        answer = persist("GET", path, query=query, timeout=patience)
    output.show(answer, as_json, show_message)
    return _exit_code(answer, wait, quiet=as_json)


@contextlib.contextmanager
def _watched(path: str, wait: str | None) -> Iterator[None]:
    """Show the phases of the message's peer to a person who waits."""
    if wait is None or not sys.stderr.isatty():
        yield
        return
    with progress(call("GET", path)["message"]["to"]):
        yield


def _exit_code(answer: dict[str, Any], wait: str | None, *, quiet: bool) -> int:
    """Return the exit code; say on stderr why it is not 0."""
    stands = (answer["row"] or {}).get("state")
    proven = any(event["ev"] in _PROVEN for event in answer["events"])
    outcome = "delivered" if proven else stands if stands in _DOUBTFUL else "queued"
    code = exit_code({"outcome": outcome, "state": stands, "reply": answer.get("reply")}, wait)
    if wait is None:
        return 0
    if code and not quiet:
        complain(f"Message {answer['message']['id']} is {stands}: {WAITS[wait]}.")
    return code
