"""Whether somebody is logged in to the program of a session, by the program's own word: a screen keeps old ones."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import psutil

from iapeer.model.clock import Clock
from iapeer.model.errors import Refused
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.binary import find_binary
from iapeer.runtimes.records import Turn

APART_S = 10.0  # between two questions: each costs a start of the program
_ANSWER_S = 15.0


class Login:
    """Asks `[login]` of the adapter in the session's own environment. `pid` gives the agent's process."""

    def __init__(self, adapter: Adapter, pid: Callable[[], int], clock: Clock) -> None:
        self._adapter = adapter
        self._pid = pid
        self._clock = clock
        self._asked: float | None = None
        self._yes: int | None = None  # the end of the turn after which the answer was yes, milliseconds

    def word(self, turn: Turn) -> bool | None:
        """Whether somebody was logged in when last asked since this turn; None where the program cannot be asked."""
        if self._adapter.login is None:
            return None
        return self._yes is not None and self._yes >= turn.closed

    async def ask(self, turn: Turn) -> bool:
        """Ask, if that is not just done; whether the answer is now yes where it was not."""
        now = self._clock.monotonic()
        if self.word(turn) is not False or (self._asked is not None and now < self._asked + APART_S):
            return False
        self._asked = now
        if await self._answer():
            self._yes = turn.closed
        return self.word(turn) is True

    def again(self) -> float:
        """When to look whether it is to be asked again, monotonic seconds; always ahead."""
        now = self._clock.monotonic()
        due = (self._asked if self._asked is not None else now) + APART_S
        return due if due > now else now + APART_S

    async def _answer(self) -> bool:
        """What the program says; what cannot be asked is a no, for the screen or the record said so."""
        with contextlib.suppress(psutil.Error, OSError, Refused, TimeoutError):
            process = psutil.Process(self._pid())
            env, cwd = process.environ(), process.cwd()
            return await _succeeds([find_binary(self._adapter, env), *self._args()], env, cwd)
        return False

    def _args(self) -> list[str]:
        return self._adapter.login.args if self._adapter.login else []


async def _succeeds(argv: list[str], env: dict[str, str], cwd: str) -> bool:
    """Run a program without a terminal, at most 15 s; whether it exits with 0."""
    silent = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*argv, env=env, cwd=cwd, stdin=silent, stdout=silent, stderr=silent)
    try:
        return await asyncio.wait_for(process.wait(), _ANSWER_S) == 0
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
