"""The requests that are being worked on, so that the daemon's end can wait for them, and cut off those that stay."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from iapeer.model.errors import Failed


class OpenRequests:
    """Counts the tasks that work on requests. Those that `end` cuts off answer `stopping`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()
        self._cut = False

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Count the current task's request until the block is left; Failed when it was cut off."""
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
        """Wait so long for the requests to be answered, then cut off those that are left."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        self._cut = True
        for task in self._tasks:
            task.cancel()
