"""`iapeer list`: show all peers."""

from __future__ import annotations

import click

from iapeer.cli.options import json_option
from iapeer.cli.show.peers import show_peers
from iapeer.client.call import call
from iapeer.terminal import output


@click.command("list")
@json_option
def command(as_json: bool) -> None:
    """Show all peers and how they are, and why. The default runtime is marked with a star.

    asleep (parked ...): nothing happened for a while, the conversation stays. asleep (reaped ...): a worker's task is
    done. ending: a worker's session ends once it is quiet. no result: a worker's session waits to be gone on with.
    failing: it does not start, or keeps dying. draining: a worker takes one message after the other. held: by what.
    More of one peer: `iapeer show PEER`.
    """
    output.show(call("GET", "/peers"), as_json, lambda answer: show_peers(answer["peers"]))
