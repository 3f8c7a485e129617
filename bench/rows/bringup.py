"""Bring-up to the first output of a trivial program, and the lag from a print to its being noticed.

Floor: one `tmux -C new-session` by hand, read until %output. Ours: Tmux.launch with its pane log, until `on_output`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from pathlib import Path

from bench import raw
from bench.measure import Line, Target, in_turns_async
from bench.rows.inject import listening, receiving
from iapeer.tmux import Tmux, end_server

PROGRAM = ["sh", "-c", "printf ready; exec cat"]
UP = Target(
    ratio=1.5,
    why="ours also reads a configuration file and starts the pane log's `cat`",
)
LAG = Target(at_most=2.0)


def run() -> list[Line]:
    """Measure."""
    with raw.scratch() as folder, listening(folder / "told") as link:
        return asyncio.run(_measure(folder, link))


async def _measure(folder: Path, link: socket.socket) -> list[Line]:
    return [await _up(folder, 40), await _lag(folder, link, 200)]


async def _up(folder: Path, n: int) -> Line:
    floor, ours = await in_turns_async(n, lambda: _by_hand(folder / "up.sock"), lambda: _ours(folder), warm=2)
    return Line("bringup", "launch to first output of a trivial program", floor, ours, "ms", n, UP)


async def _by_hand(path: Path) -> float:
    began = time.perf_counter_ns()
    client = raw.RawClient(path, "new-session", "-s", "main", "-x", "200", "-y", "50", *PROGRAM)
    try:
        client.read_until(b"%output ")
        return (time.perf_counter_ns() - began) / 1e6
    finally:
        client.close()
        await end_server(path, None)


async def _ours(folder: Path) -> float:
    seen = asyncio.Event()
    tmux = Tmux(folder / "up.sock", folder, on_output=seen.set)
    began = time.perf_counter_ns()
    try:
        launching = asyncio.create_task(tmux.launch(PROGRAM, os.environ, folder, folder / "log", title="bench"))
        await seen.wait()
        took = (time.perf_counter_ns() - began) / 1e6
        await launching
        return took
    finally:
        await tmux.close()
        await end_server(tmux.socket, None)


async def _lag(folder: Path, link: socket.socket, n: int) -> Line:
    noticed = asyncio.Event()
    async with receiving(folder, link, "print", str(folder / "wish"), on_output=noticed.set) as tmux:
        await tmux.output(True)
        client = raw.attach(tmux.socket, output=True)
        try:
            return await _lag_line(_Printer(link, folder / "wish"), client, noticed, n)
        finally:
            client.close()


class _Printer:
    """Makes the program print, and asks when it did."""

    def __init__(self, link: socket.socket, wishes: Path) -> None:
        self._link, self._wishes = link, str(wishes)

    def wish(self) -> None:
        self._link.sendto(b"x", self._wishes)

    def lag(self, noticed_ns: int) -> float:
        return (noticed_ns - int(self._link.recv(64))) / 1e6


async def _lag_line(printer: _Printer, client: raw.RawClient, noticed: asyncio.Event, n: int) -> Line:
    async def floor() -> float:
        client.drain()
        printer.wish()
        client.read_until(b"%output ")
        return printer.lag(time.monotonic_ns())

    async def ours() -> float:
        await asyncio.sleep(0.005)  # what the floor's turn printed is noticed here too
        noticed.clear()
        printer.wish()
        await noticed.wait()
        return printer.lag(time.monotonic_ns())

    by_hand, here = await in_turns_async(n, floor, ours, warm=5)
    return Line("bringup", "print to noticed", by_hand, here, "ms", n, LAG)
