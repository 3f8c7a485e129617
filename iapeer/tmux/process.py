"""The server as a process: who listens on a socket, and how a server is ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket as sockets
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from iapeer.model.timing import TIMING
from iapeer.process.exits import ended_within
from iapeer.process.liveness import gone
from iapeer.tmux.errors import TmuxError, TmuxTimeout

_LOCAL_PEERPID = 2  # macOS, <sys/un.h>


def server_alive(socket: Path) -> bool:
    """Whether a server listens on `socket`. The file alone proves nothing: it outlives every server."""
    with _connected(socket) as link:
        return link is not None


def server_pid(socket: Path) -> int | None:
    """The process that listens on `socket`, told by the kernel: a stopped server cannot be asked."""
    with _connected(socket) as link:
        if link is None:
            return None
        try:
            if sys.platform == "linux":
                pid: int = struct.unpack("3i", link.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, 12))[0]
            else:
                pid = link.getsockopt(0, _LOCAL_PEERPID)
        except OSError:
            return None
        return pid or None


async def renew_socket(socket: Path, pid: int, seconds: float = TIMING.tmux.renew) -> bool:
    """Have the tmux server `pid`, whose socket file is gone, make it anew; whether it listens there within so long.

    Its folder must be there. The caller has checked that the process is that server: another might die of the signal.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGUSR1)
    deadline = time.monotonic() + seconds
    while not server_alive(socket):
        if gone(pid) or time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True


@contextmanager
def _connected(path: Path) -> Iterator[sockets.socket | None]:
    with sockets.socket(sockets.AF_UNIX) as link:
        link.setblocking(False)
        try:
            link.connect(os.fsencode(path))
        except BlockingIOError:
            pass  # its queue is full: somebody listens
        except OSError:
            yield None
            return
        yield link


async def end_server(socket: Path, pid: int | None, seconds: float = TIMING.tmux.end) -> None:
    """End the server on `socket` and return when its process is gone and the path free.

    `pid`: the recorded server, whose start time the caller has checked; it is ended even when its socket file is lost.
    `seconds`: after which it is killed, and then after which it counts as not to be ended.
    """
    for server in {server_pid(socket), pid} - {None}:
        assert server is not None
        if server == pid or _is_tmux(server):
            await _end(server, seconds)
    socket.unlink(missing_ok=True)


def _is_tmux(pid: int) -> bool:
    try:
        return psutil.Process(pid).name().startswith("tmux")
    except psutil.Error:
        return False


async def _end(pid: int, seconds: float) -> None:
    """SIGTERM is all that kill-server does, and costs no process."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise TmuxError(f"The tmux server {pid} belongs to another user: have that user end it.") from error
        if await ended_within(pid, seconds):
            return
    raise TmuxTimeout(f"The tmux server {pid} does not end, not even on SIGKILL: look at its state with ps.")
