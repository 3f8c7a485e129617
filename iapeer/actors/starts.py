"""Those who wait for a session to take input: each is answered once, whatever becomes of it."""

from __future__ import annotations

import asyncio

from iapeer.model.errors import PeerError
from iapeer.sessions.live import LiveSession


class Starts:
    """The callers that wait for one identity's start."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[LiveSession]] = []

    async def wait(self) -> LiveSession:
        """The session once it takes input; PeerError when it does not come to that."""
        future: asyncio.Future[LiveSession] = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        return await future

    def ready(self, running: LiveSession) -> None:
        """The session takes input."""
        for future in self._take():
            future.set_result(running)

    def fail(self, error: PeerError) -> None:
        """It does not come to that, or a person is needed."""
        for future in self._take():
            future.set_exception(error)

    def _take(self) -> list[asyncio.Future[LiveSession]]:
        waiting, self.waiting = self.waiting, []
        return [future for future in waiting if not future.done()]
