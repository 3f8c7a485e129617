"""What has its time: rows that expire, that were held until now, or that are to be typed now."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable

from iapeer.fleet.holds import Holds
from iapeer.fleet.parts import all_of, end_part
from iapeer.model.errors import PeerError
from iapeer.sessions.context import Context
from iapeer.store import PART, Row

log = logging.getLogger("iapeer.fleet")


class Timekeeper:
    """Sleeps until the next time that the store knows of.

    `poke` makes an identity's actor look; `tell` tells the sender of a row that is final. `longest_ms`: for how long a
    loop may hold a row.
    """

    def __init__(
        self, context: Context, holds: Holds, poke: Callable[[str], None], tell: Callable[[Row], None], longest_ms: int
    ) -> None:
        self._context = context
        self._holds = holds
        self._poke = poke
        self._tell = tell
        self._longest_ms = longest_ms
        self._changed = asyncio.Event()  # a row came that something is to be done with at a certain time
        self._looked_ms = 0  # up to when what is due was looked at

    def begin(self) -> None:
        """Leave out what came due until now: whoever calls this looks at every inbox."""
        self._looked_ms = self._context.now_ms()

    def look(self) -> None:
        """Something is to be done at a time that was not known before."""
        self._changed.set()

    async def keep(self, progressed: Callable[[], None] = lambda: None) -> None:
        """Let go, expire and type what has its time, for ever; call `progressed` with every pass."""
        longest = self._context.timing.fleet.longest
        while True:
            self._changed.clear()
            progressed()
            deadline = await self._pass()
            now = self._context.now_ms()
            left = longest if deadline is None else (deadline - now) / 1000
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(longest, max(0.0, left))):  # a clock may jump
                    await self._changed.wait()

    async def _pass(self) -> int | None:
        """Do what is due; when something is again (ms), None: nothing is known."""
        context = self._context
        try:
            now = context.now_ms()
            await self._due(now)
            return context.store.inbox.next_deadline(now)  # that same now: what comes due meanwhile is not missed
        except PeerError as error:  # a locked or full database
            log.warning("time: %s", error)
            return context.now_ms() + int(context.timing.fleet.again * 1000)

    async def _due(self, now: int) -> None:
        store = self._context.store
        expire = functools.partial(store.inbox.expire, now, PART)
        await all_of(lambda: end_part(store, expire, self._tell))
        store.holds.set_back(now, self._longest_ms)
        await all_of(lambda: self._let_go_on(now))
        for who in store.inbox.due_identities(min(self._looked_ms, now), now):  # a clock may be set back
            self._poke(who)
        self._looked_ms = now

    def _let_go_on(self, now: int) -> int:
        """A part of what was held until now; how many rows."""
        rows = self._holds.release_due(now)
        for who in {row.identity for row in rows}:
            self._poke(who)
        return len(rows)
