"""Which of 300 processes live: CPU of one thread.

The daemon watches the agents of its sessions: floor is one epoll of 300 pidfds, ours a turn of the event loop that has
300 watches. One that comes back asks of every recorded process: floor is a bare read of 300 /proc/PID/stat.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator

from bench.measure import Line, Target, in_turns_async
from iapeer.process.exits import ExitWatch
from iapeer.process.liveness import alive, start_mark

MANY, N = 300, 100
WATCHED = Target(at_most=1)
RECORDED = Target(ratio=1.5, why="the start of each is told from the numbers, so that a namesake does not count")


def run() -> list[Line]:
    """Measure."""
    with _processes(MANY) as pids:
        return asyncio.run(_measure(pids))


async def _measure(pids: list[int]) -> list[Line]:
    with _epoll(pids) as epoll, _watches(pids) as ended:
        records = [(pid, start_mark(pid)) for pid in pids]

        async def turn() -> int:
            await asyncio.sleep(0)
            return sum(not gone for gone in ended)

        async def recorded() -> int:
            return sum(alive(pid, mark) for pid, mark in records)

        async def polled() -> int:
            return len(pids) - len(epoll.poll(0))

        async def read() -> int:
            return sum(map(_read, pids))

        floor, ours, bare, asked = await in_turns_async(N, *map(_cpu, (polled, turn, read, recorded)))
    return [
        Line("liveness", f"{MANY} watched processes: CPU", floor, ours, "ms", N, WATCHED),
        Line("liveness", f"{MANY} recorded processes: CPU", bare, asked, "ms", N, RECORDED),
    ]


def _cpu(act: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[float]]:
    """What the thread spends on it, in milliseconds."""

    async def measured() -> float:
        began = time.thread_time_ns()
        found = await act()
        took = time.thread_time_ns() - began
        assert found == MANY
        return took / 1e6

    return measured


def _read(pid: int) -> bool:
    descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    try:
        return bool(os.read(descriptor, 1024))
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _processes(count: int) -> Iterator[list[int]]:
    processes = [subprocess.Popen(["sleep", "600"]) for _ in range(count)]
    try:
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _epoll(pids: list[int]) -> Iterator[select.epoll]:
    descriptors = [os.pidfd_open(pid) for pid in pids]
    with select.epoll() as epoll:
        for descriptor in descriptors:
            epoll.register(descriptor, select.EPOLLIN)
        try:
            yield epoll
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


@contextlib.contextmanager
def _watches(pids: list[int]) -> Iterator[list[bool]]:
    """Whether each has ended, kept true by the watches of the daemon."""
    ended = [False] * len(pids)
    watches = [ExitWatch(pid, lambda at=at: ended.__setitem__(at, True)) for at, pid in enumerate(pids)]  # type: ignore[misc]
    try:
        yield ended
    finally:
        for watch in watches:
            watch.close()
