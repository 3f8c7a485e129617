"""The loop of an actor: one act after the other, by events and deadlines; commands are run between two of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeVar

from iapeer.actors.station import Station
from iapeer.model.errors import Failed, PeerError

T = TypeVar("T")
log = logging.getLogger("iapeer.actor")
RETRY_S = (0.5, 30.0)  # after an act that failed unexpectedly: first, most


class Loop(ABC):
    """Acts by `step` until it is finished. One act that fails does not end it: it is told, and tried again later."""

    def __init__(self, at: Station) -> None:
        self.at = at
        self._changed = asyncio.Event()
        self._commands: deque[tuple[Callable[[Any], Awaitable[Any]], asyncio.Future[Any]]] = deque()
        self._closing = False
        self._trouble: list[str] = []
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def step(self) -> float | None:
        """One act, or none; the monotonic time of the next at the latest, None: once something changes."""

    def begin(self) -> None:
        """Act from now on."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"actor {self.at.identity}")

    async def finish(self, seconds: float | None = None) -> None:
        """Act no more; returns once the last act is over, or was broken off after so long (None: it never is)."""
        self._closing = True
        self.poke()
        if self._task is not None and not (await asyncio.wait({self._task}, timeout=seconds))[0]:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=seconds)

    def poke(self) -> None:
        """Something changed: look."""
        self._changed.set()

    async def ask(self, command: Callable[[Self], Awaitable[T]]) -> T:
        """Run `command` in this actor, in order, and return what it returns."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._commands.append((command, future))
        self.poke()
        return await future

    def refuse_commands(self, error: PeerError) -> None:
        """Nobody who asked is left waiting."""
        asked = [future for _, future in self._commands]
        self._commands.clear()
        for future in asked:
            if not future.done():
                future.set_exception(error)

    async def serve(self) -> None:
        """Run the commands that were asked for."""
        while self._commands:
            command, future = self._commands.popleft()
            try:
                result = await command(self)
            except PeerError as error:
                if not future.cancelled():
                    future.set_exception(error)
            else:
                if not future.cancelled():
                    future.set_result(result)
            finally:
                if not future.done():  # the loop's top tells what went wrong; who asked must not wait for ever
                    future.set_exception(Failed(f"{self.at.identity} failed on this: `iapeer logs` has more."))

    async def _run(self) -> None:
        while not self._closing:
            try:
                until = await self.step()
                self._trouble = []
            except Exception as error:  # noqa: BLE001 - the actor's loop top: one bad act must not end it
                await self._rest(self._troubled(error))
            else:
                await self._wait(until)

    def _troubled(self, error: Exception) -> float:
        """Tell what is new of a trouble, and how long to leave it alone: seconds, doubling while it lasts."""
        what = f"{type(error).__name__}: {error}"[:300]
        if not isinstance(error, PeerError):
            log.error("actor %s", self.at.identity, exc_info=error)
        if what not in self._trouble:
            self.at.tell("actor_error", error=what)
        self._trouble = [*self._trouble[-9:], what]
        return min(RETRY_S[1], RETRY_S[0] * 2.0 ** (len(self._trouble) - 1))

    async def _rest(self, seconds: float) -> None:
        """Leave a trouble alone for so long, whoever pokes; a command or the end of it all is heard."""
        until = self.at.now() + seconds
        while self.at.now() < until and not self._commands and not self._closing:
            await self.changed(until - self.at.now())

    async def _wait(self, until: float | None) -> None:
        """Until something changes, or the monotonic time `until`."""
        if self._commands or self._closing:
            return
        await self.changed(None if until is None else max(0.0, until - self.at.now()))

    async def changed(self, seconds: float | None) -> None:
        """Wait until somebody pokes, or so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        self._changed.clear()
