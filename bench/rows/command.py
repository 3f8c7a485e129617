"""One tmux command from the daemon.

Floor: one write to a control client and a blocking read to its %end. Ours: the same line through Tmux, in an event
loop, with its deadline and the parsing of blocks.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from bench import raw
from bench.measure import Line, Target, in_turns_async, timed, timed_async
from iapeer.tmux import Tmux

COMMAND = b"display-message -p x"
TARGET = Target(
    ratio=1.5,
    why="the floor blocks in read(); in an event loop the same write and read alone cost about 1.4x of it "
    "(epoll, a future, a wake-up), and what Connection adds on top is a Call and its deadline's timer",
)


def run() -> list[Line]:
    """Measure."""
    with raw.scratch() as folder:
        return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> list[Line]:
    tmux = Tmux(folder / "a.sock", folder)
    await tmux.launch(["cat"], os.environ, folder, folder / "log", title="bench")
    client = raw.attach(folder / "a.sock")
    try:
        await tmux.output(False)
        return await _lines(tmux, client)
    finally:
        client.close()
        await tmux.close()


async def _lines(tmux: Tmux, client: raw.RawClient, n: int = 1000) -> list[Line]:
    by_hand = timed(lambda: client.command(COMMAND))

    async def floor() -> float:
        return by_hand()

    low, ours, facts = await in_turns_async(
        n, floor, timed_async(lambda: tmux.ask(COMMAND)), timed_async(tmux.facts), warm=50
    )
    return [
        Line("command", "one tmux command from the daemon", low, ours, "ms", n, TARGET),
        Line("command", "the pane's facts: two commands in one line", None, facts, "ms", n, Target(at_most=1.0)),
    ]
