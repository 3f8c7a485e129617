"""From `kill -9` of an agent until its death is noticed, and until its session is recorded as ended.

Floor: poll() on a pidfd of the same agent in a tmux server of its own. Ours: the watch that the daemon has on every
agent; and the daemon itself, whose `session_ended` follows once nothing of the session is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import raw
from bench.house import CARELESS, agent_binary, house, live_peer, wait_idle
from bench.measure import Line, Target, in_turns
from iapeer.process.exits import ExitWatch
from tests.harness import Agent, Root, wait_for

N = 15
NOTICED = Target(at_most=5)
RECORDED = Target(
    at_most=5,
    why="before a session is said to be over its last screen is read, its server and control client are ended, every "
    "process of the machine is looked at for what it left behind, and the end is on disk",
)


def run() -> list[Line]:
    """Measure."""
    with raw.scratch() as folder, house(0) as root:
        agent = live_peer(root, "bench", CARELESS)
        floor, watched, ended = in_turns(
            N, lambda: _bare(folder, _polled), lambda: _bare(folder, _watched), lambda: _ended(root, agent), warm=1
        )
    return [
        Line("death", "kill -9 of an agent until it is noticed", floor, watched, "ms", N, NOTICED),
        Line("death", "kill -9 of an agent until `session_ended`", floor, ended, "ms", N, RECORDED),
    ]


def _bare(folder: Path, noticed: Callable[[int], float]) -> float:
    with _agent(folder) as pid:
        return noticed(pid)


@contextlib.contextmanager
def _agent(folder: Path) -> Iterator[int]:
    """An idle agent below a server of its own."""
    home, socket = folder / "home", folder / "pane.sock"
    shutil.rmtree(home, ignore_errors=True)
    program = ["env", f"FAKE_HOME={home}", str(agent_binary(folder)), CARELESS]
    with raw.server(socket, program):
        wait_for(lambda: list(home.glob("state/*.json")), "the agent")
        yield int(raw.tmux(socket, "display-message", "-p", "#{pane_pid}"))


def _polled(pid: int) -> float:
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        began = time.monotonic_ns()
        os.kill(pid, signal.SIGKILL)
        assert poll.poll(raw.SECONDS * 1000)
        return (time.monotonic_ns() - began) / 1e6
    finally:
        os.close(descriptor)


def _watched(pid: int) -> float:
    async def noticed() -> float:
        ended = asyncio.Event()
        watch = ExitWatch(pid, ended.set)
        try:
            began = time.monotonic_ns()
            os.kill(pid, signal.SIGKILL)
            await asyncio.wait_for(ended.wait(), raw.SECONDS)
            return (time.monotonic_ns() - began) / 1e6
        finally:
            watch.close()

    return asyncio.run(noticed())


def _ended(root: Root, agent: Agent) -> float:
    """By the time in the daemon's own event, to the millisecond."""
    seen, pid = len(root.events("session_ended")), agent.pid
    began = time.time_ns()
    os.kill(pid, signal.SIGKILL)
    event = wait_for(lambda: root.events("session_ended")[seen:], "the end")[0]
    root.call("POST", f"/peers/{agent.name}/start", {})
    wait_idle(root, agent.name)
    return float(event["ts"] - began / 1e6)
