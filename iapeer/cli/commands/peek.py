"""`iapeer peek`: print a peer's screen."""

from __future__ import annotations

import time

import click

from iapeer.cli.options import json_option, peer_argument, runtime_option
from iapeer.cli.show.screen import show_screen
from iapeer.client.call import call, url
from iapeer.terminal import output

LOOK_S = 0.5


@click.command("peek")
@peer_argument
@click.option("-f", "--follow", is_flag=True, help="Show it again whenever it changes, until Ctrl-C.")
@runtime_option
@json_option
def command(peer: str, follow: bool, runtime: str | None, as_json: bool) -> None:
    """Print a peer's screen as text."""
    shown = None
    while True:
        answer = call("GET", url("peers", peer, "screen"), query={"runtime": runtime})
        if answer != shown:
            if follow and output.coloured():
                print("\x1b[H\x1b[2J", end="")
            output.show(answer, as_json, show_screen)
            shown = answer
        if not follow:
            return
        time.sleep(LOOK_S)
