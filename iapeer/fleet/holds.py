"""What holds messages: causes are set and released here, by the table `HOLD_RULES`, many rows in parts."""

from __future__ import annotations

import asyncio
import functools

from iapeer.fleet.parts import all_of
from iapeer.model.holds import LOST, RULE_OF, HoldCause, Party
from iapeer.model.names import identity, split_identity
from iapeer.store import PART, STOPPED, Row, Store


class Holds:
    """Sets and releases causes. An intent is written first, the rows follow in parts.

    A stop and a start at once would hold and let go of the same rows for ever: one after the other.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turns: dict[str, asyncio.Lock] = {}

    # ---- by the actor of an identity

    def hold(self, who: str, cause: HoldCause) -> int:
        """Set an actor's cause on a part of what waits for the identity; how many rows, 0: on all of it."""
        assert RULE_OF[cause].set_by is Party.ACTOR
        return self._store.holds.hold(split_identity(who)[1], cause, who, PART)

    def release(self, who: str, cause: HoldCause) -> int:
        """Take an actor's cause from a part of what it holds of the identity; how many rows, 0: it holds none."""
        assert RULE_OF[cause].released_by is Party.ACTOR
        if not self._store.holds.any_held(who, cause):
            return 0
        return self._store.holds.release(split_identity(who)[1], cause, who, PART)

    # ---- by mail

    def awaits(self, row: Row) -> bool:
        """Whether the row is kept for a call that waits for it."""
        return HoldCause.AWAITED in self._store.holds.causes_of(row)

    def let_in(self, row: Row) -> None:
        """Take from an answer that no call will take it."""
        self._store.holds.release_row(row.message, HoldCause.AWAITED)

    # ---- by time, and by a restart

    def release_due(self, now: int) -> list[Row]:
        """Take from a part of the rows each cause whose time has come at `now` (ms); the rows as they are then."""
        return self._store.holds.release_due(now, PART)

    async def release_lost(self, personality: str) -> None:
        """Take from the peer's rows what only the daemon of before could have released."""
        for cause in LOST:
            await all_of(functools.partial(self._store.holds.release, personality, cause, most=PART))

    # ---- by a person's stop and start: of a whole peer, or of one runtime of it

    async def stop(self, personality: str, runtime: str | None) -> None:
        """Write the intent; then hold what waits."""
        async with self._turn(personality):
            if runtime is None:
                self._store.peers.set_stopped(personality, True)
            else:
                self._store.flags.set(identity(runtime, personality), personality, STOPPED)
            await self._hold_stopped(personality)

    async def hold_stopped(self, personality: str) -> None:
        """Hold what waits for those of the peer that are stopped, as far as they still are."""
        async with self._turn(personality):
            await self._hold_stopped(personality)

    async def start(self, personality: str, runtime: str | None) -> None:
        """Let what was held wait again; only then end the intent, so that nothing overtakes it.

        What comes meanwhile is held as well: once nothing is left, the intent ends with no await after that look.

        `runtime`: another one that was stopped by itself stays down; None: they all may live.
        """
        async with self._turn(personality):
            marked = [
                who for who in self._store.flags.identities_with(STOPPED) if split_identity(who)[1] == personality
            ]
            stay = [who for who in marked if runtime not in (None, split_identity(who)[0])]
            await all_of(lambda: self._start_part(personality, stay))
            with self._store.together():
                for who in marked:
                    if who not in stay:
                        self._store.flags.clear(who, STOPPED)
                self._store.peers.set_stopped(personality, False)

    async def mend(self, personality: str) -> None:
        """Make the rows fit the intent: a daemon died between the two."""
        async with self._turn(personality):
            for who in self._waiting(personality):
                if not self._store.peers.is_stopped(who):
                    await all_of(functools.partial(self._start_one, personality, who))
            await self._hold_stopped(personality)

    async def _hold_stopped(self, personality: str) -> None:
        hold = functools.partial(self._store.holds.hold, personality, HoldCause.STOPPED, most=PART)
        for who in self._waiting(personality):
            if self._store.peers.is_stopped(who):
                await all_of(functools.partial(hold, who))

    def _start_part(self, personality: str, stay: list[str]) -> int:
        """Let go of the next part of what is held, of one identity after the other; 0: nothing is left."""
        going = (who for who in self._waiting(personality) if who not in stay)
        parts = (self._start_one(personality, who) for who in going)
        return next((count for count in parts if count), 0)

    def _start_one(self, personality: str, who: str) -> int:
        return self._store.holds.release(personality, HoldCause.STOPPED, who, PART)

    def _waiting(self, personality: str) -> list[str]:
        return [who for who in self._store.inbox.waiting_identities() if split_identity(who)[1] == personality]

    def _turn(self, personality: str) -> asyncio.Lock:
        return self._turns.setdefault(personality, asyncio.Lock())
