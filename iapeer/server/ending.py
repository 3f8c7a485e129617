"""How the daemon ends: within a bounded time, whatever a request, an agent or a tmux server does.

It may be killed at any point by design, so that nothing has to be waited for: what follows is only the friendlier way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Sequence

import uvicorn

from iapeer.model.errors import Failed
from iapeer.model.timing import ServerWaits


class Begun:
    """The requests that are being worked on. The one that does not end in time is cut, and answered `stopping`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()
        self._cut = False

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """The request that this task works on."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if not self._cut:
                raise
            task.uncancel()
            raise Failed("The daemon stops: start it and ask again.", code="stopping") from None
        finally:
            self._tasks.discard(task)

    async def end(self, seconds: float) -> None:
        """Return once no request is worked on; after so long, cut those that are left."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        self._cut = True
        for task in self._tasks:
            task.cancel()


async def close_servers(
    servers: Sequence[uvicorn.Server], serving: Sequence[asyncio.Task[None]], seconds: float
) -> None:
    """End the servers: answers that were given are read within so long, or not at all."""
    for server in servers:
        server.should_exit = True
    await asyncio.wait(serving, timeout=seconds)
    for server in servers:
        server.force_exit = True
    await asyncio.gather(*serving)


def end_in_time(waits: ServerWaits) -> None:
    """Give the process a bounded time to end, from now on: a thread, or a reader of ours, may hold it up for ever."""
    said = "The daemon did not end in time and is cut off; sessions live on."
    timer = threading.Timer(waits.end, cut_off, (said, 0, waits.say))
    timer.daemon = True
    timer.start()


def cut_off(why: str, code: int, seconds: float) -> None:
    """End the process on the spot, as kill -9 would, with a last sentence, if somebody reads it within so long."""
    speaker = threading.Thread(target=_say, args=(why,), daemon=True)  # a full pipe, a stopped terminal: it may wait
    speaker.start()
    speaker.join(seconds)
    os._exit(code)


def _say(why: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(f"iapeer: {why}", file=sys.stderr, flush=True)  # noqa: T201 - nothing else works any more
