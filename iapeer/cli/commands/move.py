"""`iapeer move`: tell iapeer where a peer's folder is now."""

from __future__ import annotations

from typing import Any

import click

from iapeer.cli.options import json_option, peer_argument
from iapeer.client.call import call, url
from iapeer.paths.sockets import absolute
from iapeer.terminal import output
from iapeer.terminal.streams import complain


@click.command("move")
@peer_argument
@click.argument("folder", metavar="DIR", type=click.Path())
@json_option
def command(peer: str, folder: str, as_json: bool) -> None:
    """Tell iapeer that a peer's folder now is DIR. Move the folder itself before."""
    answer = call("POST", url("peers", peer, "move"), {"dir": absolute(folder)})
    output.show(answer, as_json, _show_moved)


def _show_moved(answer: dict[str, Any]) -> None:
    output.say(f"{answer['peer']['personality']} is now in {answer['peer']['cwd']}")
    if answer.get("warning"):
        complain(answer["warning"])
