"""`iapeer send`, with its rare options and its help; the plain call is in quick.py."""

from __future__ import annotations

import time
from typing import Any

import click

from iapeer.cli.batch import send_batch
from iapeer.cli.options import TextCommand, json_option, message_options, peer_names, wait_names
from iapeer.model.errors import Usage


@click.command("send", cls=TextCommand)
@click.argument("peer", required=False, metavar="PEER", shell_complete=peer_names)  # the daemon judges the name
@click.argument("text", nargs=-1)
@message_options
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
def command(ctx: click.Context, /, batch: str | None, as_json: bool, **arguments: Any) -> int:
    """Send a message to a peer: TEXT, a file, or what is piped in.

    It is stored first and never lost: a sleeping peer wakes for it, a busy one gets it when its turn ends.

    \b
      iapeer send shop "The checkout test fails. Find out why." --wait done
      git diff | iapeer send reviewer --topic release --attach shot.png

    Exit codes: 0 delivered or queued, 1 failed, 3 refused, 4 timed out waiting, 6 typed but not proven.
    """
    if batch is not None:
        return _send_batch(batch, as_json, arguments)
    if arguments["peer"] is None:
        raise click.UsageError("Missing argument 'PEER'", ctx)
    from iapeer.cli import quick

    urgent, *timing = (arguments.pop(name) for name in ("urgent", "at", "delay", "expires"))
    rare: dict[str, Any] = {**({"urgent": True} if urgent else {}), **_timing(*timing)}
    return quick.send(**arguments, as_json=as_json, **rare)


def _send_batch(file: str, as_json: bool, arguments: dict[str, Any]) -> int:
    if any(arguments.values()):
        raise Usage("--batch has everything in its lines: give no PEER, TEXT or other option but --json.")

    return send_batch(file, as_json)


def _timing(at: str | None, delay: str | None, expires: str | None) -> dict[str, int]:
    if (at, delay, expires) == (None, None, None):
        return {}
    from iapeer.cli.when import times

    return times(at, delay, expires, time.time())
