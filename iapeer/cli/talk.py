"""Messages: send (its work is in quick.py), inbox, message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from iapeer.cli import output
from iapeer.cli.client import call, url
from iapeer.cli.options import json_option, peer_argument, peer_names


@click.command()
@click.argument("peer", shell_complete=peer_names)  # the daemon judges the name, as on the short path
@click.argument("text", nargs=-1)
@click.option("-f", "--file", metavar="FILE|-", help="Read the message from a file, or from standard input (-).")
@click.option("-r", "--runtime", metavar="RUNTIME", help="To this runtime of the peer.")
@click.option("--topic", help="What it is about: lets a sleeping agent resume its conversation on it.")
@click.option("--re", metavar="ID", help="The message this answers.")
@click.option("--wait", metavar="delivered|done", help="Wait for the proof, or for the end of the turn.")
@click.option("--timeout", metavar="D", help="How long to wait at most: 10, 10s, 5m, 1h.")
@json_option
def send(**arguments: Any) -> int:
    """Send a message to a peer: TEXT, a file, or what is piped in.

    Exit codes: 0 delivered or queued, 3 refused, 4 timed out waiting, 6 typed but not proven.
    """
    from iapeer.cli import quick

    return quick.send(**arguments)


@click.command()
@peer_argument
@json_option
def inbox(peer: str, as_json: bool) -> None:
    """Show a peer's messages and where they stand, newest last."""
    output.show(call("GET", url("peers", peer, "inbox")), as_json, lambda answer: _rows(peer, answer["rows"]))


def _rows(peer: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        output.say(f"The inbox of {peer} is empty.")
        return
    shown = [
        (row["message"], output.moment(row["created_ms"]), row["from"], row["identity"], _state(row), row["preview"])
        for row in rows
    ]
    output.table(("ID", "SENT", "FROM", "TO", "STATE", "TEXT"), shown)


def _state(row: dict[str, Any]) -> str:
    reason = row["error"] or row["reason"]
    again = f", attempt {row['attempt']}" if (row["attempt"] or 1) > 1 else ""
    return str(row["state"]) + (f": {reason}" if reason else "") + again


@click.command()
@click.argument("ident", metavar="ID")
@json_option
def message(ident: str, as_json: bool) -> None:
    """Show the path of one message: what happened to it, and when."""
    output.show(call("GET", url("messages", ident)), as_json, _path)


def _path(answer: dict[str, Any]) -> None:
    sent, row = answer["message"], answer["row"]
    output.card(
        [
            ("id", sent["id"]),
            ("from", sent["from"]),
            ("to", row["identity"] if row else sent["to"]),
            ("topic", sent["topic"]),
            ("answers", sent["re"]),
            ("sent", output.moment(sent["created_ms"])),
            ("state", _state(row) if row else None),
        ]
    )
    print()
    for line in _timeline(answer["events"], sent["created_ms"]):
        output.say(line)
    print()
    output.say_lines(sent["body"])


def _timeline(events: list[dict[str, Any]], began: int) -> Iterator[str]:
    for event in events:
        after = f"+{(event['ts'] - began) / 1000:.3f} s"
        yield f"{output.stamp(event['ts'])} {after:>12}  {event['ev']:<16} {details(event)}".rstrip()


def details(event: dict[str, Any]) -> str:
    """What an event says beside its common fields."""
    common = ("seq", "ts", "ev", "personality", "identity", "message", "session")
    return output.logfmt({name: value for name, value in event.items() if name not in common})
