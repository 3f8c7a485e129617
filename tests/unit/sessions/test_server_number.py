"""A tmux server is known by its number and its start: a number that went to another process gets no signal."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from iapeer.model.clock import SystemClock
from iapeer.model.timing import TIMING
from iapeer.process.liveness import start_mark
from iapeer.process.processes import SystemProcesses
from iapeer.sessions.live import LiveSession
from iapeer.tmux import SystemServers


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that dies of SIGUSR1, as most do."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def _running(pid: int, mark: float | None, folder: Path) -> LiveSession:
    """A session with nothing but a server, whose socket is gone."""
    running = cast(Any, LiveSession.__new__(LiveSession))
    running._server, running._server_mark = pid, mark
    running.tmux = SimpleNamespace(socket=folder / "sockets" / "tmux")
    running._processes, running._servers = SystemProcesses(), SystemServers(folder, TIMING.tmux)
    running._waits, running._clock, running.gone, running._renewed = TIMING.session, SystemClock(), False, -100.0
    return cast(LiveSession, running)


def test_another_process_with_the_servers_number_is_left_alone(
    bystander: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """A missing socket is asked for with SIGUSR1, but only of that server."""
    mark = start_mark(bystander.pid)
    assert mark is not None
    asyncio.run(_running(bystander.pid, mark - 1, tmp_path).keep_reachable())
    assert bystander.poll() is None
    asyncio.run(_running(bystander.pid, mark, tmp_path).keep_reachable())
    assert bystander.wait(5) == -signal.SIGUSR1
