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

GRACE_S = 0.5  # for the requests that were begun, and again for their answers to be read
END_S = 2.0  # for all of it
SAY_S = 0.2  # for a last sentence


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


async def close_servers(servers: Sequence[uvicorn.Server], serving: Sequence[asyncio.Task[None]]) -> None:
    """End the servers: answers that were given are read within GRACE_S, or not at all."""
    for server in servers:
        server.should_exit = True
    await asyncio.wait(serving, timeout=GRACE_S)
    for server in servers:
        server.force_exit = True
    await asyncio.gather(*serving)


def end_in_time() -> None:
    """From now on the process has END_S to end: a thread, or a reader of ours, may hold it up for ever."""
    timer = threading.Timer(END_S, cut_off, ("The daemon did not end in time and is cut off; sessions live on.", 0))
    timer.daemon = True
    timer.start()


def cut_off(why: str, code: int) -> None:
    """End the process on the spot, as kill -9 would, with a last sentence, if somebody reads it."""
    speaker = threading.Thread(target=_say, args=(why,), daemon=True)  # a full pipe, a stopped terminal: it may wait
    speaker.start()
    speaker.join(SAY_S)
    os._exit(code)


def _say(why: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(f"iapeer: {why}", file=sys.stderr, flush=True)  # noqa: T201 - nothing else works any more
