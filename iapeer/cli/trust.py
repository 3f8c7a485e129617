"""`iapeer trust`: the operator confirms what a peer's files say."""

from __future__ import annotations

import click

from iapeer.cli import output
from iapeer.cli.client import call, url
from iapeer.cli.consent import say_confirmed
from iapeer.cli.options import json_option, peer_argument


@click.command()
@peer_argument
@json_option
def trust(peer: str, as_json: bool) -> None:
    """Confirm what a peer's files say now, and show it: one line a thing. Its next session has it.

    What makes a launch dangerous counts as it was confirmed last, whatever the files say meanwhile: permissions,
    initial_prompt, intelligence, the runtimes, their launch.env, an adapter of your own, and where the program is.
    `iapeer show PEER` shows what is confirmed and what differs; `set`, `init`, `create` and `runtime-add` confirm
    what they set themselves.
    """
    answer = call("POST", url("peers", peer, "trust"), {})
    output.show(answer, as_json, lambda it: say_confirmed(peer, it["confirmed"], output.say))
