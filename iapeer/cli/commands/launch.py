"""`iapeer RUNTIME`, the folder launch: this folder's peer, with a fresh session, in this terminal."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from iapeer.cli.consent import trust_option
from iapeer.cli.options import json_option
from iapeer.cli.progress import progress
from iapeer.cli.thisfolder import peer_here
from iapeer.client.call import PATIENCE_S, WAKE_S, call, persist, url
from iapeer.model.errors import Failed
from iapeer.terminal import handover, output
from iapeer.terminal.streams import complain
from iapeer.wording.text import visible_lines

_END_LOOK_S = 1.0  # the session's end is recorded a moment after its terminal has closed
_END_WAIT_S = 60.0  # or after a long one, on a machine that has too much to do


@click.command(options_metavar="[--trust] [--json]")
@click.argument("args", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS]")
@trust_option
@json_option
@click.pass_context
def command(ctx: click.Context, args: tuple[str, ...], trust: bool, as_json: bool) -> int:
    """This folder's peer, with a fresh session of this runtime, in this terminal.

    The folder becomes a peer if it is none yet; a live session is attached to. ARGS go to the agent program.
    Exits with the agent's exit code.
    """
    runtime = str(ctx.info_name)
    if not as_json:
        handover.need_terminal(runtime)
    peer = peer_here(runtime, trust)
    with progress(peer):
        body = {"runtime": runtime, "args": list(args)}
        answer = call("POST", url("peers", peer, "launch"), body, timeout=WAKE_S)
    if as_json:
        output.emit(answer)
        return 0
    if not answer["woke"]:
        complain(f"{peer} is live already: attaching to its session.")
    handover.show(answer["argv"], runtime)
    return _exit_code(peer, answer["session"])


def _exit_code(peer: str, session: str) -> int:
    """Return the agent's exit code as a shell gives it, 0 when the person only detached; say what is unusual."""
    ended = _ended(session)
    if ended["ended_ms"] is None and _runs(ended["pid"]):
        complain(f"{peer} lives on: come back with `iapeer attach {peer}`.")
        return 0
    if (ended["signal"] or ended["exit_code"]) and ended["last_screen"]:  # tmux took it off the terminal
        print(visible_lines(ended["last_screen"].rstrip()), file=sys.stderr)
    if ended["signal"]:
        return 128 + int(ended["signal"])
    if ended["exit_code"] is not None:
        return int(ended["exit_code"])
    how = f"({ended['end_cause']})" if ended["end_cause"] else f"and nothing was recorded for {_END_WAIT_S:.0f} s"
    complain(f"The session of {peer} ended {how}; its exit code is not known: see `iapeer logs {peer}`.")
    return Failed.exit_code


def _ended(session: str) -> dict[str, Any]:
    """Wait until the session's end is on record, or its agent is seen to run; give the session as it stands then."""
    deadline = time.monotonic() + _END_WAIT_S
    while True:
        answer = persist("GET", url("sessions", session), query={"wait_end_s": _END_LOOK_S}, timeout=PATIENCE_S)
        if answer["ended_ms"] is not None or _runs(answer["pid"]) or time.monotonic() > deadline:
            return answer


def _runs(pid: int | None) -> bool:
    from iapeer.process.liveness import gone  # late: only here

    return pid is not None and not gone(pid)
