"""`iapeer wait`: wait until a peer is idle, asleep or live."""

from __future__ import annotations

from typing import Any

import click

from iapeer.cli.options import json_option, peer_argument, runtime_option, timeout_option
from iapeer.cli.progress import progress
from iapeer.client.call import SPARE_S, call, url
from iapeer.terminal import output


@click.command("wait")
@peer_argument
@click.argument("state", type=click.Choice(["idle", "asleep", "live"]))
@runtime_option
@timeout_option
@json_option
def command(peer: str, state: str, runtime: str | None, timeout: float | None, as_json: bool) -> None:
    """Wait until a peer is idle, asleep or live; one that is being woken is none of them yet.

    Exit code 4 when it takes longer than --timeout.
    """
    query = {"state": state, "runtime": runtime, "timeout_s": timeout}
    patience = None if timeout is None else timeout + SPARE_S
    with progress(peer):
        answer = call("GET", url("peers", peer, "wait"), query=query, timeout=patience)
    output.show(answer, as_json, lambda it: output.say(_standing(peer, it)))


def _standing(peer: str, answer: dict[str, Any]) -> str:
    return f"{peer} is {answer['status']}" + (f" ({answer['activity']})" if answer["activity"] else "")
