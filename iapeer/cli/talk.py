"""Messages to peers: send and ask (their work is in quick.py), inbox."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

from iapeer.cli.options import Handler, TextCommand, inbox_argument, json_option, peer_names, wait_names
from iapeer.client.call import call, url
from iapeer.model.errors import Usage
from iapeer.terminal import output
from iapeer.wording import times
from iapeer.wording.story import stands

_ROOMY = 110  # columns that an inbox needs for its states and texts to be read in columns
_LETTER_OPTIONS: list[Callable[[Handler], Handler]] = [
    click.option("-f", "--file", metavar="FILE|-", help="Read the text from a file, or from standard input (-)."),
    click.option("-r", "--runtime", metavar="RUNTIME", help="To this runtime of the peer."),
    click.option("--topic", metavar="T", help="What it is about: a sleeping agent resumes its conversation on it."),
    click.option("--re", metavar="ID", help="The message that this one answers."),
    click.option("--attach", metavar="PATH", multiple=True, help="A file to go with it; may be given again."),
]


def letter_options(handler: Handler) -> Handler:
    """What `send` and `ask` have in common."""
    for option in reversed(_LETTER_OPTIONS):
        handler = option(handler)
    return handler


@click.command(cls=TextCommand)
@click.argument("peer", required=False, metavar="PEER", shell_complete=peer_names)  # the daemon judges the name
@click.argument("text", nargs=-1)
@letter_options
@click.option("--urgent", is_flag=True, help="Ahead of what else waits for the peer.")
@click.option("--at", metavar="TIME", help="Not before: 18:30, 2030-01-31, 2030-01-31T18:30, ...Z, ...+02:00.")
@click.option("--delay", metavar="D", help="Not before this long from now: 10s, 5m, 1h, 2d.")
@click.option(
    "--expires", metavar="D", help="Give up if it is not delivered within this long, from --at, --delay or now."
)
@click.option("--key", metavar="K", help="Sent again under the same key, it is still one message.")
@click.option(
    "--wait", metavar="HOW", shell_complete=wait_names,
    help="delivered: for the proof; done: for the end of the turn; reply: for the answer, which is printed.",
)  # fmt: skip
@click.option("--timeout", metavar="D", help="How long --wait waits at most: 10, 10s, 5m, 1h. Else 5m.")
@click.option(
    "--batch", metavar="FILE|-",
    help='Many messages, all or none, and no other option: one {"to": PEER, "body": TEXT, ...} a line.',
)  # fmt: skip
@json_option
@click.pass_context
def send(ctx: click.Context, /, batch: str | None, as_json: bool, **arguments: Any) -> int:
    """Send a message to a peer: TEXT, a file, or what is piped in.

    It is stored first and never lost: a sleeping peer wakes for it, a busy one gets it when its turn ends.

    \b
      iapeer send shop "The checkout test fails. Find out why." --wait done
      git diff | iapeer send reviewer --topic release --attach shot.png

    Exit codes: 0 delivered or queued, 1 failed, 3 refused, 4 timed out waiting, 6 typed but not proven.
    """
    if batch is not None:
        return _batch(batch, as_json, arguments)
    if arguments["peer"] is None:
        raise click.UsageError("Missing argument 'PEER'", ctx)
    from iapeer.cli import quick

    urgent, *timing = (arguments.pop(name) for name in ("urgent", "at", "delay", "expires"))
    rare: dict[str, Any] = {**({"urgent": True} if urgent else {}), **_times(*timing)}
    return quick.send(**arguments, as_json=as_json, **rare)


def _batch(file: str, as_json: bool, arguments: dict[str, Any]) -> int:
    if any(arguments.values()):
        raise Usage("--batch has everything in its lines: give no PEER, TEXT or other option but --json.")
    from iapeer.cli.batch import send_batch

    return send_batch(file, as_json)


def _times(at: str | None, delay: str | None, expires: str | None) -> dict[str, int]:
    if (at, delay, expires) == (None, None, None):
        return {}
    from iapeer.cli.when import times

    return times(at, delay, expires, time.time())


@click.command(cls=TextCommand)
@click.argument("peer", shell_complete=peer_names)
@click.argument("text", nargs=-1)
@letter_options
@click.option("--timeout", metavar="D", help="How long to wait at most: 10, 10s, 5m, 1h. Else 5m.")
@json_option
def ask(**arguments: Any) -> int:
    """Send a question to a peer, wait for the answer, and print the answer alone.

    The answer is what the peer sends back, or else the last words of its turn. Paths of files that come with it
    are printed on standard error.

    \b
      answer=$(iapeer ask shop "Which port does the test server use?")

    Exit codes: 0 answered, 1 its turn failed or ended without an answer, 3 refused, 4 timed out (the answer will
    still come), 6 typed but not proven.
    """
    from iapeer.cli import quick

    return quick.ask(**arguments)


@click.command()
@inbox_argument
@json_option
def inbox(peer: str, as_json: bool) -> None:
    """Show a peer's messages and where they stand, newest last. `operator` is the inbox of your own shell."""
    output.show(call("GET", url("peers", peer, "inbox")), as_json, lambda answer: _rows(peer, **answer))


def _rows(peer: str, rows: list[dict[str, Any]], more: int) -> None:
    if not rows:
        output.say(f"The inbox of {peer} is empty.")
        return
    several = len({row["identity"] for row in rows}) > 1
    headers = ("ID", "SENT", "FROM", *(["TO"] if several else []), "STATE", "TEXT")
    cells = [_cells(row, peer, several) for row in rows]
    if (output.columns() or _ROOMY) < _ROOMY:
        _narrowly(cells)
    else:
        output.table(headers, cells, whole=2)
    if more:
        output.say(f"... and {more} more, between the oldest and the newest.")
    if any((row["state"], row["reason"]) == ("held", "guard") for row in rows):
        _left_down(call("GET", url("peers", peer))["peer"])


def _narrowly(rows: list[tuple[str, ...]]) -> None:
    """Without columns: a state of eight letters' width cannot be read."""
    for *first, state, text in rows:
        output.say("  ".join(first))
        output.say_folded(f"    {state}", 4)
        output.say_folded(f"    {text}", 4)


def _left_down(peer: dict[str, Any]) -> None:
    """Which runtimes the guard holds up, and until when."""
    for one in peer["runtimes"]:
        blocked = one["blocked_on"] or {}
        if blocked.get("reason") == "guard":
            until = times.lately(blocked["until"])
            output.say_folded(f"{one['identity']} is failing (guard), and tried again at {until}: {blocked['text']}", 0)


def _cells(row: dict[str, Any], peer: str, several: bool) -> tuple[str, ...]:
    to = [row["identity"]] if several else []
    where = stands(row, peer)
    return row["message"], times.lately(row["created_ms"]), row["from"], *to, where, row["preview"]
