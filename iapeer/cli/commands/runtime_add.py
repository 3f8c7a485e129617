"""`iapeer runtime-add`: let a peer run in one more agent program."""

from __future__ import annotations

from typing import Any

import click

from iapeer.cli.options import json_option, peer_argument
from iapeer.cli.show.standing import starred
from iapeer.client.call import call, url
from iapeer.terminal import output
from iapeer.terminal.streams import complain


@click.command("runtime-add")
@peer_argument
@click.argument("runtime", metavar="RUNTIME")
@json_option
def command(peer: str, runtime: str, as_json: bool) -> None:
    """Let a peer run in one more agent program. Its default stays; `send -r RUNTIME` reaches the new one."""
    answer = call("POST", url("peers", peer, "runtimes"), {"runtime": runtime})
    output.show(answer, as_json, _show_runtimes)


def _show_runtimes(answer: dict[str, Any]) -> None:
    peer = answer["peer"]
    names = ", ".join(starred(entry, peer) for entry in peer["runtimes"])
    output.say(f"{peer['personality']} runs in {names}")
    if answer.get("warning"):
        complain(answer["warning"])
