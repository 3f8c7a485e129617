"""Whether somebody is logged in to the program of a session, by the program's own word: a screen keeps old ones."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from iapeer.model.errors import Refused
from iapeer.model.timing import SessionWaits
from iapeer.process.command import run
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.binary import find_binary
from iapeer.runtimes.records import Turn
from iapeer.sessions.machine import Machine


class Login:
    """Asks `[login]` of the adapter in the session's own environment. `pid` gives the agent's process; `changed` is
    called when the answer is there.
    """

    def __init__(
        self, adapter: Adapter, pid: Callable[[], int], machine: Machine, waits: SessionWaits,
        changed: Callable[[], None],
    ) -> None:  # fmt: skip
        self._adapter = adapter
        self._pid = pid
        self._processes, self._clock = machine.processes, machine.clock
        self._waits = waits
        self._changed = changed
        self._asked: float | None = None
        self._yes: int | None = None  # the end of the turn after which the answer was yes, milliseconds
        self._asking: asyncio.Task[None] | None = None

    def known(self, turn: Turn) -> bool | None:
        """Whether somebody is logged in by the last answer, which holds until a turn fails of it; None where the
        program cannot be asked.
        """
        if self._adapter.login is None:
            return None
        return self._yes is not None and (turn.reason != "login" or self._yes >= turn.closed)

    def ask(self, turn: Turn, *, awaited: bool) -> None:
        """Begin to ask, if the answer is not known to be yes and it is time."""
        if self.known(turn) is False and self._asking is None and self.due(awaited=awaited) <= self._clock.monotonic():
            self._asked = self._clock.monotonic()
            self._asking = asyncio.get_running_loop().create_task(self._ask(turn))

    def due(self, *, awaited: bool) -> float:
        """When it may be asked again, monotonic seconds. `awaited`: somebody waits for the answer."""
        apart = self._waits.login_apart if awaited else self._waits.login_idle_apart
        return self._asked + apart if self._asked is not None else self._clock.monotonic()

    def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self, turn: Turn) -> None:
        try:
            if await self._answer():
                self._yes = turn.closed
        finally:
            self._asking = None
        self._changed()

    async def _answer(self) -> bool:
        """What the program says; what cannot be asked is a no, for the screen or the record said so."""
        pid = self._pid()
        env, cwd = self._processes.environment(pid), self._processes.working_folder(pid)
        if not env or cwd is None:
            return False
        with contextlib.suppress(OSError, Refused):
            argv = [find_binary(self._adapter, env), *self._args()]
            ran = await run(argv, self._waits.login, env=env, cwd=cwd, heard=False)
            return ran is not None and ran.code == 0
        return False

    def _args(self) -> list[str]:
        return self._adapter.login.args if self._adapter.login else []
