"""`iapeer inbox`: show a peer's messages."""

from __future__ import annotations

import click

from iapeer.cli.options import inbox_argument, json_option
from iapeer.cli.show.inbox import show_inbox
from iapeer.client.call import call, url
from iapeer.terminal import output


@click.command("inbox")
@inbox_argument
@json_option
def command(peer: str, as_json: bool) -> None:
    """Show a peer's messages and where they stand, newest last. `operator` is the inbox of your own shell."""
    output.show(call("GET", url("peers", peer, "inbox")), as_json, lambda answer: show_inbox(peer, **answer))
