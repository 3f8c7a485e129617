"""Stop the daemon, and wait until its process is gone."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from iapeer.client import skew
from iapeer.client.call import LOST, NotRunning, call, socket_file
from iapeer.model.errors import PeerError, TimedOut, Unreachable
from iapeer.paths.rootlock import holder

ASK_S = 5.0  # for a daemon to say that it stops
STOP_S = 15.0
_STEP_S = 0.02


def daemon_pid() -> int | None:
    """Return the running daemon's process id, None without one. It stands in the lock; else the daemon is asked."""
    from iapeer.client.spawn import lock_file  # late: with pathlib

    lock = lock_file(socket_file())
    if lock is not None and (pid := holder(lock)):
        return pid
    try:
        answer: dict[str, Any] = call("GET", "/status", start=False)
    except NotRunning:
        return None
    return int(answer["daemon"]["pid"])


def stop_daemon() -> bool:
    """Stop the daemon; False if there was none. TimedOut when it does not go."""
    skew.hush()
    pid = daemon_pid()
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
    """Ask this daemon, and no successor of it, to stop; signal one that does not answer."""
    try:
        call("POST", "/daemon/stop", start=False, timeout=ASK_S, again=False)
    except NotRunning:  # it has just ended
        return
    except PeerError as error:
        if error.code in LOST:  # it ends already
            return
        if not isinstance(error, Unreachable | TimedOut):
            raise
        if daemon_pid() == pid:
            os.kill(pid, signal.SIGTERM)


def _lives(pid: int) -> bool:
    """Whether the process is there; one that has ended and waits for its parent is not."""
    import psutil  # late: 24 ms

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
