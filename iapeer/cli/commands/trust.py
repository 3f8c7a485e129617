"""`iapeer trust`: confirm what a peer's files say."""

from __future__ import annotations

import sys

import click

from iapeer.cli.consent import ask_to_confirm, at_terminal, confirm_seen, list_wanted, say_confirmed, to_confirm
from iapeer.cli.options import json_option, peer_argument
from iapeer.client.call import call, url
from iapeer.terminal import output
from iapeer.terminal.streams import complain


@click.command("trust")
@peer_argument
@click.option("-y", "--yes", is_flag=True, help="Do not ask at a terminal.")
@json_option
def command(peer: str, yes: bool, as_json: bool) -> int:
    """Show what a peer's files say now, one line a thing, and confirm exactly that. Its next session has it.

    At a terminal it is asked first (the default is no); elsewhere the command is the yes. What makes a launch dangerous
    counts as it was confirmed last, whatever the files say meanwhile: permissions, initial_prompt, intelligence, the
    runtimes, their launch.env, an adapter of your own, and where the program is. `iapeer show PEER` shows what is
    confirmed and what differs; `set`, `init`, `create` and `runtime-add` confirm what they set themselves.
    """
    seen = call("GET", url("peers", peer))
    asks = bool(to_confirm(seen)) and not yes and at_terminal()
    if asks or not as_json:
        list_wanted(peer, seen, complain if as_json or (asks and not sys.stdout.isatty()) else output.say)
    if asks and not ask_to_confirm():
        complain(f"Nothing of {peer} was confirmed.")
        return 1
    answer = confirm_seen(peer, seen)
    output.show(answer, as_json, lambda it: say_confirmed(peer, it["confirmed"], output.say, to_confirm(seen)))
    return 0
