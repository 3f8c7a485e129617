"""`iapeer status`: show the daemon and the counts."""

from __future__ import annotations

from typing import Any

import click

from iapeer import __version__
from iapeer.cli.options import json_option
from iapeer.cli.show.status import show_status
from iapeer.client import skew
from iapeer.client.call import NotRunning, call
from iapeer.terminal import output


@click.command("status")
@json_option
def command(as_json: bool) -> None:
    """Show the daemon, and the counts of peers and messages. Starts nothing."""
    try:
        answer = call("GET", "/status", start=False)
    except NotRunning:
        answer = _without_daemon()
    output.show(answer, as_json, show_status)
    skew.say()


def _without_daemon() -> dict[str, Any]:
    from iapeer.paths.layout import layout

    store = str(layout().database)
    return {"version": __version__, "api": 1, "daemon": None, "store": store, "peers": {}, "inbox": {}}
