"""`iapeer init`: make a folder a peer."""

from __future__ import annotations

import click

from iapeer.cli.consent import trust_option
from iapeer.cli.newpeer import profile_options, show_made
from iapeer.cli.options import given
from iapeer.client.call import call
from iapeer.paths.sockets import absolute
from iapeer.terminal import output


@click.command("init")
@click.argument("folder", default=".", metavar="[DIR]", type=click.Path())
@click.option("--name", metavar="NAME", help="The peer's name; else the folder's, in small letters.")
@trust_option
@profile_options
def command(folder: str, name: str | None, trust: bool, as_json: bool, **wishes: str | None) -> None:
    """Make a folder (by default this one) a peer.

    Of a .iapeer/ that the folder brings along, nothing counts that makes its sessions more dangerous, before you say
    yes: here at the terminal, with --trust, or later by `iapeer trust`.
    """
    consented = {"trust": True} if trust else {}
    body = {"dir": absolute(folder), "create": False, **consented, **given(name=name, **wishes)}
    output.show(call("POST", "/peers", body), as_json, show_made)
