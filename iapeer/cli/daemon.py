"""The daemon itself: run, start, stop, restart."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import click

from iapeer.cli.options import json_option
from iapeer.client import skew
from iapeer.client.client import LOST, NotRunning, call, socket_file
from iapeer.model.errors import PeerError, TimedOut, Unreachable
from iapeer.paths.rootlock import holder
from iapeer.paths.sockets import home
from iapeer.terminal import output

ASK_S = 5.0  # for a daemon to say that it stops
STOP_S = 15.0
_STEP_S = 0.02


@click.group(no_args_is_help=False)
def daemon() -> None:
    """Run, start, stop or restart the daemon. Sessions live on without it."""


@daemon.command("run")
def run_daemon() -> int:
    """Be the daemon, in the foreground. When one lives already: do nothing."""
    from iapeer.cli.firstprocess import inherits_orphans, run_beside

    os.environ["HOME"] = home(os.environ)  # for the agents too
    return run_beside(_serve) if inherits_orphans() else _serve()


def _serve() -> int:
    from iapeer.paths.layout import layout
    from iapeer.server.run import run  # late: only here is the daemon's code needed

    return int(run(layout()))


@daemon.command("start")
@json_option
def start_daemon(as_json: bool) -> None:
    """Start the daemon if it does not run."""
    before = _pid()
    answer = call("GET", "/status")
    word = "already runs" if answer["daemon"]["pid"] == before else "runs"
    output.show(answer, as_json, lambda it: output.say(f"The daemon {word} (pid {it['daemon']['pid']})."))


@daemon.command("stop")
@json_option
def stop_daemon(as_json: bool) -> None:
    """Stop the daemon and wait until it is gone. Sessions live on."""
    stopped = _stop()
    word = "is stopped; sessions live on" if stopped else "does not run"
    output.show({"stopping": stopped}, as_json, lambda _: output.say(f"The daemon {word}."))


@daemon.command("restart")
@json_option
def restart_daemon(as_json: bool) -> None:
    """Stop the daemon if it runs, and start it."""
    _stop()
    answer = call("GET", "/status")
    output.show(answer, as_json, lambda it: output.say(f"The daemon runs (pid {it['daemon']['pid']})."))


def _pid() -> int | None:
    """The running daemon's process id, by its lock; one that does not name itself there is asked."""
    from iapeer.client.spawn import lock_file  # late: with pathlib

    lock = lock_file(socket_file())
    if lock is not None and (pid := holder(lock)):
        return pid
    try:
        answer: dict[str, Any] = call("GET", "/status", start=False)
    except NotRunning:
        return None
    return int(answer["daemon"]["pid"])


def _stop() -> bool:
    """Stop the daemon; False if there was none. TimedOut when it does not go."""
    skew.hush()
    pid = _pid()
    if pid is None:
        return False
    _tell_to_stop(pid)
    deadline = time.monotonic() + STOP_S
    while _lives(pid):
        if time.monotonic() > deadline:
            raise TimedOut(
                f"The daemon (pid {pid}) has not ended for {STOP_S:.0f} s: `kill -9 {pid}` ends it; sessions live on."
            )
        time.sleep(_STEP_S)
    return True


def _tell_to_stop(pid: int) -> None:
    """Ask it to stop, and no successor of it; one that is deaf, by a signal."""
    try:
        call("POST", "/daemon/stop", start=False, timeout=ASK_S, again=False)
    except NotRunning:  # it has just ended
        return
    except PeerError as error:
        if error.code in LOST:  # it ends already
            return
        if not isinstance(error, Unreachable | TimedOut):
            raise
        if _pid() == pid:
            os.kill(pid, signal.SIGTERM)


def _lives(pid: int) -> bool:
    """Whether the process is there; one that has ended and waits for its parent is not."""
    import psutil  # late: 24 ms

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
