"""Injection, until a raw-mode program has every byte; its digest is compared each time.

Floor: a control client by hand with the same guarded line. Without a control client: one chained `tmux` process against
ours, which opens a new client and goes on with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

from bench import raw
from bench.measure import AsyncAct, Line, Target, in_turns_async
from iapeer.tmux import Tmux
from iapeer.tmux.launch import client_env

RECEIVER = Path(__file__).parent.parent / "programs" / "receiver.py"
SIZES = ((100, 200), (16_000, 100))  # bytes, measurements
TARGET = Target(
    ratio=2.0,
    why="above 4 KB ours makes and removes a private file of a random name for every paste; the floor rewrites one",
)
FALLBACK = Target(
    ratio=1.2,
    why="ours does not fall back to a process per message but opens a new control client (attach, then the one line), "
    "and the messages after it cost the steady price again",
)


def run() -> list[Line]:
    """Measure."""
    with raw.scratch() as folder, listening(folder / "told") as link:
        return asyncio.run(_measure(folder, link))


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """Where receivers tell what they got."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(str(path))
        link.settimeout(raw.SECONDS)
        yield link


async def _measure(folder: Path, link: socket.socket) -> list[Line]:
    async with receiving(folder, link) as tmux:
        client = raw.attach(tmux.socket)
        try:
            steady = [await _steady(tmux, client, folder, link, size, n) for size, n in SIZES]
        finally:
            client.close()
        return [*steady, *[await _fallback(tmux, link, size, 30) for size, _ in SIZES]]


@contextlib.asynccontextmanager
async def receiving(
    folder: Path, link: socket.socket, *more: str, on_output: Callable[[], None] = lambda: None
) -> AsyncIterator[Tmux]:
    """Our Tmux on a server with a ready receiver."""
    tmux = Tmux(folder / "ours.sock", folder, on_output=on_output)
    argv = [sys.executable, str(RECEIVER), str(folder / "told"), *more]
    try:
        await tmux.launch(argv, os.environ, folder, folder / "log", title="bench")
        await asyncio.to_thread(link.recv, 16)
        await tmux.output(False)
        yield tmux
    finally:
        await tmux.close()


def _body(size: int) -> bytes:
    return (b"A line of a message, and its end.\n" * (size // 30 + 1))[:size]


def _arrival(link: socket.socket, body: bytes, act: Callable[[], Awaitable[object]]) -> AsyncAct:
    """An act that measures from its start to the receiver's last byte."""
    wanted = f"{len(body)} {hashlib.sha256(body).hexdigest()}"

    async def measured() -> float:
        began = time.monotonic_ns()
        await act()
        when, _, digest = link.recv(200).decode().partition(" ")
        assert digest == wanted, "what arrived is not what was sent"
        return (int(when) - began) / 1e6

    return measured


async def _steady(tmux: Tmux, client: raw.RawClient, folder: Path, link: socket.socket, size: int, n: int) -> Line:
    body = _body(size)

    async def floor() -> None:
        raw.paste(client, folder / "spool", body)

    async def ours() -> None:
        assert await tmux.paste([body], "bench:1")

    low, found = await in_turns_async(n, _arrival(link, body, floor), _arrival(link, body, ours), warm=10)
    return Line("inject", f"{size} B until the last one is read", low, found, "ms", n, TARGET)


async def _fallback(tmux: Tmux, link: socket.socket, size: int, n: int) -> Line:
    body = _body(size)

    async def floor() -> None:
        chained = ["load-buffer", "-b", "f", "-", ";", "paste-buffer", "-p", "-r", "-d", "-b", "f", "-t", "%0"]
        argv = ["tmux", "-u", "-S", str(tmux.socket), "-f", os.devnull, *chained]
        subprocess.run(argv, input=body, check=True, env=client_env(os.environ))  # noqa: ASYNC221 - the floor blocks

    async def ours() -> None:
        assert await tmux.paste([body], "bench:1")

    measured = _arrival(link, body, ours)

    async def ours_without_client() -> float:
        await _kill_client(tmux)
        return await measured()

    low, found = await in_turns_async(n, _arrival(link, body, floor), ours_without_client, warm=2)
    return Line("inject", f"{size} B, the control client just killed", low, found, "ms", n, FALLBACK)


async def _kill_client(tmux: Tmux) -> None:
    for client in await tmux.clients():
        os.kill(client.pid, signal.SIGKILL)
    while tmux.connected:  # noqa: ASYNC110 - its event is the daemon's
        await asyncio.sleep(0.001)
