"""`iapeer remove`: forget a peer."""

from __future__ import annotations

import click

from iapeer.cli.options import json_option, peer_argument
from iapeer.client.call import call, url
from iapeer.terminal import output


@click.command("remove")
@peer_argument
@click.option("--force", is_flag=True, help="Also when it is live or has messages waiting.")
@json_option
def command(peer: str, force: bool, as_json: bool) -> None:
    """Forget a peer and every trace of its state. Its folder stays."""
    answer = call("DELETE", url("peers", peer), query={"force": 1 if force else None})
    output.show(answer, as_json, lambda it: output.say(f"{it['removed']} is removed; its folder {it['cwd']} stays"))
