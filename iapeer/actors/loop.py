"""The loop of an actor: one act after the other, by events and deadlines; commands are run between two of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeVar

from iapeer.actors.state import IdentityState
from iapeer.model.errors import Failed, PeerError

T = TypeVar("T")
Asked = tuple[Callable[[Any], Awaitable[Any]], asyncio.Future[Any]]
log = logging.getLogger("iapeer.actor")
IDLE_TURNS = 200  # so many turns at once that change nothing, and the actor pauses


def closed() -> Failed:
    """What is told to whoever asks an actor that acts no more."""
    return Failed("The daemon stops, or the peer is removed.", code="stopping")


class Loop(ABC):
    """Acts by `step` until it is finished. One act that fails does not end it: it is told, and tried again later."""

    def __init__(self, at: IdentityState) -> None:
        self.at = at
        self._changed = asyncio.Event()
        self._commands: deque[Asked] = deque()
        self._closing = False
        self._trouble: list[str] = []
        self._unrecorded: deque[str] = deque(maxlen=16)  # troubles of a time when the store took no event
        self._idle_turns = 0
        self._written = 0  # how much the store had written at the last turn that asked for the next at once
        self._task: asyncio.Task[None] | None = None

    @property
    def identity(self) -> str:
        """Whose actor it is."""
        return self.at.identity

    @abstractmethod
    async def step(self) -> float | None:
        """One act, or none; the monotonic time of the next at the latest, None: once something changes."""

    @abstractmethod
    def forget(self) -> None:
        """An act went wrong: what was in mind may be untrue, the next one begins from what is on record."""

    def begin(self) -> None:
        """Act from now on."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"actor {self.at.identity}")
        self._task.add_done_callback(self._ended_unasked)

    def _ended_unasked(self, task: asyncio.Task[None]) -> None:
        """Tell of an end that nobody asked for (an error outside of any act, a cancellation that one let through), and
        act again a while later.
        """
        if self._closing or task.cancelling():
            return
        self.forget()
        asyncio.get_running_loop().call_later(self.at.context.timing.loop.retry_first, self.begin)
        error = None if task.cancelled() else task.exception()
        self._troubled(error if isinstance(error, Exception) else RuntimeError("what its act waited for was cancelled"))

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
        """Run `command` in this actor, in order, and return what it returns. Failed once it is closed."""
        if self._closing:
            raise closed()
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
                    future.set_exception(self._failed())

    async def _run(self) -> None:
        while not self._closing:
            asked = list(self._commands)
            try:
                until = await self.step()
            except Exception as error:  # noqa: BLE001 - the actor's loop top: one bad act must not end it
                self.forget()
                self._give_up(asked, error)
                await self._rest(self._troubled(error))
            else:
                self._trouble = []
                self._record_troubles()
                await self._wait(until if self._gets_on(until) else self.at.now() + self.at.context.timing.loop.pause)

    def _give_up(self, asked: list[Asked], error: Exception) -> None:
        """What was asked before an act that failed, and not even begun, is not tried over and over."""
        answer = error if isinstance(error, PeerError) else self._failed()
        for command, future in asked:
            if (command, future) in self._commands:
                self._commands.remove((command, future))
                if not future.done():
                    future.set_exception(answer)

    def _failed(self) -> Failed:
        return Failed(f"{self.at.identity} failed on this: `iapeer logs` has more.")

    def _troubled(self, error: Exception) -> float:
        """Tell what is new of a trouble, and how long to leave it alone: seconds, doubling while it lasts."""
        what = f"{type(error).__name__}: {error}"[:300]
        if not isinstance(error, PeerError):
            log.error("actor %s", self.at.identity, exc_info=error)
        if what not in self._trouble:
            self._unrecorded.append(what)
        if isinstance(error, PeerError) and error.code == "store":
            log.warning("actor %s: %s", self.at.identity, error)  # on record with the next act that goes well
        else:
            self._record_troubles()
        self._trouble = [*self._trouble[-9:], what]
        waits = self.at.context.timing.loop
        return min(waits.retry_most, waits.retry_first * 2.0 ** (len(self._trouble) - 1))

    def _record_troubles(self) -> None:
        """An event for each; the store may be what the trouble is with, then it has them later."""
        while self._unrecorded:
            try:
                self.at.tell("actor_error", error=self._unrecorded[0])
            except PeerError as error:
                log.warning("actor %s: %s", self.at.identity, error)
                return
            self._unrecorded.popleft()

    def _gets_on(self, until: float | None) -> bool:
        """False, and told, once it has acted at once many times in a row without a change on record."""
        if until is None or until > self.at.now():
            self._idle_turns = 0
            return True
        before, self._written = self._written, self.at.context.store.database.written
        self._idle_turns = self._idle_turns + 1 if self._written == before else 0
        if self._idle_turns == 0 or self._idle_turns % IDLE_TURNS:
            return True
        if self._idle_turns == IDLE_TURNS:
            self._unrecorded.append(f"it acted {IDLE_TURNS} times in a row and changed nothing: it pauses between acts")
            self._record_troubles()
        return False

    async def _rest(self, seconds: float) -> None:
        """Leave a trouble alone for so long, whoever pokes; a command or the end of it all is heard."""
        until = self.at.now() + seconds
        while self.at.now() < until and not self._commands and not self._closing:
            await self.changed(until - self.at.now())

    async def _wait(self, until: float | None) -> None:
        """Until something changes, or the monotonic time `until`."""
        await asyncio.sleep(0)  # others have their turn, also where every act asks for the next one at once
        if self._commands or self._closing:
            return
        await self.changed(None if until is None else max(0.0, until - self.at.now()))

    async def changed(self, seconds: float | None) -> None:
        """Wait until somebody pokes, or so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        self._changed.clear()
