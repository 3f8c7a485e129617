"""Waiting for processes to be gone, and ending them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable

from iapeer.model.timing import SessionWaits
from iapeer.process.processes import Processes


async def wait_gone(processes: Processes, pid: int, mark: float | None, seconds: float) -> bool:
    """Wait until the process is gone; False when it still lives after `seconds`."""
    if not processes.alive(pid, mark):
        return True
    ended = asyncio.Event()
    watch = processes.watch_exit(pid, ended.set)
    try:
        await asyncio.wait_for(ended.wait(), seconds)
    except TimeoutError:
        return not processes.alive(pid, mark)
    finally:
        watch.close()
    return True


async def end_process(
    processes: Processes, pid: int, mark: float | None, first: signal.Signals, waits: SessionWaits
) -> bool:
    """Send the `first` signal, wait, then kill it. Another process with the number is left alone.

    False when it lives on: it belongs to another user, or not even SIGKILL ends it.
    """
    for number, seconds in ((first, waits.end), (signal.SIGKILL, waits.kill)):
        if not processes.alive(pid, mark):
            return True
        try:
            processes.signal(pid, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        if await wait_gone(processes, pid, mark, seconds):
            return True
    return False


async def kill_all(processes: Processes, marked: Iterable[tuple[int, float]], waits: SessionWaits) -> None:
    """Kill these, (number, start mark) each, those that are still the same ones, and wait for each."""
    for pid, mark in marked:
        await end_process(processes, pid, mark, signal.SIGKILL, waits)


async def left_of(processes: Processes, marked: Iterable[tuple[int, float | None]], seconds: float) -> list[int]:
    """Wait for each of these to be gone, so long: its terminal's hangup may still end it. Those that live on."""
    return [pid for pid, mark in marked if not await wait_gone(processes, pid, mark, seconds)]


def descendants(processes: Processes, pid: int) -> list[tuple[int, float]]:
    """All that this process started, and what those started in turn: (number, start mark) of each that lives."""
    generation, line = [pid], list[int]()
    while generation := [child for parent in generation for child in processes.children(parent)]:
        line += generation
    return [(child, mark) for child in line if (mark := processes.start_mark(child)) is not None]
