"""`iapeer events`: show what happened, and what happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from iapeer.cli.options import json_option
from iapeer.cli.show.event import event_line
from iapeer.client.call import call
from iapeer.terminal import output

_PAGE = 1000
_HANG = 26  # columns: folded events go on below their kind


@click.command("events")
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@click.option("--peer", metavar="PEER", help="Only what concerns this peer.")
@click.option("--kind", metavar="KIND", help="Only events of this kind, or of these: a,b.")
@click.option("--after", type=click.IntRange(0), metavar="SEQ", help="Only events after this number.")
@json_option
def command(follow: bool, peer: str | None, kind: str | None, after: int | None, as_json: bool) -> None:
    """Show what happened, one event a line, oldest first."""
    from iapeer.client.stream import followed  # late: `--help` needs none of it

    query = {"peer": peer, "kind": kind, "after": after or 0}
    for event in followed(query) if follow else _past(query):
        if as_json:
            output.emit(event)
        else:
            output.say_folded(event_line(event), _HANG)


def _past(query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    after = query["after"]
    while True:
        page = call("GET", "/events", query={**query, "after": after, "limit": _PAGE})
        yield from page["events"]
        if not page["events"] or page["next"] <= after:
            return
        after = page["next"]
