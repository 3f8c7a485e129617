"""`iapeer create`: make a peer in a new folder."""

from __future__ import annotations

import click

from iapeer.cli.newpeer import profile_options, show_made
from iapeer.cli.options import given
from iapeer.client.call import call
from iapeer.paths.sockets import absolute
from iapeer.terminal import output


@click.command("create")
@click.argument("name")
@click.option("--path", type=click.Path(), help="The new folder; else one of iapeer's own.")
@profile_options
def command(name: str, path: str | None, as_json: bool, **wishes: str | None) -> None:
    """Make a peer in a new folder."""
    body = {"create": True, "name": name, **given(dir=absolute(path) if path else None, **wishes)}
    output.show(call("POST", "/peers", body), as_json, show_made)
