"""`iapeer show`: show one peer."""

from __future__ import annotations

import click

from iapeer.cli.options import json_option, peer_argument
from iapeer.cli.show.peer import show_peer
from iapeer.client.call import call, url
from iapeer.terminal import output


@click.command("show")
@peer_argument
@json_option
def command(peer: str, as_json: bool) -> None:
    """Show one peer: its profile, what its sessions do, why they began and ended, and how it would wake."""
    output.show(call("GET", url("peers", peer)), as_json, show_peer)
