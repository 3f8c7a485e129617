"""Who is kept down: a whole peer, or one runtime of it."""

from __future__ import annotations

import asyncio

from iapeer.actors.facts import GUARD
from iapeer.fleet.parts import all_of
from iapeer.model.names import identity, split_identity
from iapeer.store import PART, STOPPED, Store


class Stops:
    """Who is kept down: a whole peer, or one runtime of it. The intent is written first, the rows follow in parts.

    A stop and a start at once would hold and let go of the same rows for ever: one after the other.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turns: dict[str, asyncio.Lock] = {}

    async def stop(self, personality: str, runtime: str | None) -> None:
        """The intent; then what waits is held, and by the guard no more: it is not tried before it is started."""
        async with self._turn(personality):
            if runtime is None:
                self._store.peers.set_stopped(personality, True)
            else:
                self._store.flags.set(identity(runtime, personality), personality, STOPPED)
            await self._hold(personality)

    async def hold(self, personality: str) -> None:
        """What waits for those of the peer that are stopped, as far as they still are, is held."""
        async with self._turn(personality):
            await self._hold(personality)

    async def start(self, personality: str, runtime: str | None) -> None:
        """What was held waits again; only then the intent is over, so that nothing overtakes it.

        What comes meanwhile is held as well: once nothing is left, the intent ends with no await after that look.

        `runtime`: another one that was stopped by itself stays down; None: they all may live.
        """
        async with self._turn(personality):
            marked = [
                who for who in self._store.flags.identities_with(STOPPED) if split_identity(who)[1] == personality
            ]
            stay = [who for who in marked if runtime not in (None, split_identity(who)[0])]
            await all_of(lambda: self._release_part(personality, stay))
            with self._store.together():
                for who in marked:
                    if who not in stay:
                        self._store.flags.clear(who, STOPPED)
                self._store.peers.set_stopped(personality, False)

    async def mend(self, personality: str) -> None:
        """A daemon died between an intent and its rows: they are made to fit it."""
        async with self._turn(personality):
            for who in self._waiting(personality):
                if not self._store.peers.is_stopped(who):
                    await self._release(personality, who)
            await self._hold(personality)

    async def _hold(self, personality: str) -> None:
        for who in self._waiting(personality):
            if self._store.peers.is_stopped(who):
                await self._hold_one(personality, who)

    async def _hold_one(self, personality: str, who: str) -> None:
        store = self._store

        def part() -> int:
            with store.together():
                freed = store.holds.release(personality, GUARD, who, PART)
                return freed + store.holds.hold(personality, STOPPED, who, PART)

        await all_of(part)

    async def _release(self, personality: str, who: str) -> None:
        await all_of(lambda: self._store.holds.release(personality, STOPPED, who, PART))

    def _release_part(self, personality: str, stay: list[str]) -> int:
        """Let go of the next part of what is held, of one identity after the other; 0: nothing is left."""
        going = (who for who in self._waiting(personality) if who not in stay)
        parts = (self._store.holds.release(personality, STOPPED, who, PART) for who in going)
        return next((count for count in parts if count), 0)

    def _waiting(self, personality: str) -> list[str]:
        return [who for who in self._store.inbox.waiting_identities() if split_identity(who)[1] == personality]

    def _turn(self, personality: str) -> asyncio.Lock:
        return self._turns.setdefault(personality, asyncio.Lock())
