"""`iapeer self`: what an agent says of its own session, from inside it."""

from __future__ import annotations

import click

from iapeer.cli.options import json_option
from iapeer.client.call import call
from iapeer.terminal import output

_SAID = {
    "done": "Noted: this session ends once its turn is over and nothing happens any more.",
    "fresh": "Noted: a fresh session takes this one's place once this turn is over.",
}


@click.command("self")
@click.argument("verb", type=click.Choice(sorted(_SAID)))
@json_option
def command(verb: str, as_json: bool) -> None:
    """For agents, inside their session.

    done: an ephemeral worker has done its task, and its session may end. fresh: a fresh session is wanted in place of
    this one; it begins once the turn is over.
    """
    output.show(call("POST", "/self", {"verb": verb}), as_json, lambda _: output.say(_SAID[verb]))
