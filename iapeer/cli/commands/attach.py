"""`iapeer attach`: show a peer's session in this terminal."""

from __future__ import annotations

import click

from iapeer.cli.options import given, json_option, peer_argument, runtime_option
from iapeer.cli.progress import progress
from iapeer.client.call import WAKE_S, call, url
from iapeer.terminal import handover, output


@click.command("attach")
@peer_argument
@click.option("--read-only", is_flag=True, help="Look without typing.")
@runtime_option
@json_option
def command(peer: str, read_only: bool, runtime: str | None, as_json: bool) -> int:
    """Show a peer's session in this terminal; one that sleeps resumes its last conversation. Detach with Ctrl-b d."""
    if not as_json:
        handover.need_terminal(f"attach {peer}")
    body = {"read_only": read_only, **given(runtime=runtime)}
    with progress(peer):
        answer = call("POST", url("peers", peer, "attach"), body, timeout=WAKE_S, again=True)
    if as_json:
        output.emit(answer)
        return 0
    return handover.show(answer["argv"], f"attach {peer}")
