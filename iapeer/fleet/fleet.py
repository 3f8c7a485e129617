"""The actors of all identities: made when first needed, let go of at the end."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from iapeer.actors.actor import Actor
from iapeer.actors.asking import is_worker
from iapeer.actors.guarding import recall
from iapeer.actors.state import IdentityState, Telling
from iapeer.actors.status import IdentityStatus, status_of
from iapeer.fleet.holds import Holds
from iapeer.fleet.routing import route
from iapeer.fleet.timekeeper import Timekeeper
from iapeer.fleet.waits import Waits
from iapeer.model.errors import PeerError, Refused
from iapeer.model.names import split_identity
from iapeer.model.states import WAITING
from iapeer.paths.settings import Settings
from iapeer.peers.registry import RegisteredPeer, Registry
from iapeer.sessions.context import Context
from iapeer.sessions.live import LiveSession
from iapeer.store import Row

T = TypeVar("T")
log = logging.getLogger("iapeer.fleet")


class Senders(Protocol):
    """What the fleet needs from above it: whoever tells the senders of messages what became of them."""

    def last_words(self, row: Row, said: str) -> None:
        """Take what the agent said last; called right before the good end of the row's turn is recorded."""

    def tell_sender(self, row: Row) -> None:
        """Take notice that the row is final."""


class Fleet:
    """The actors of all identities. `senders` is to be set before the first of them is made: `Mail` does."""

    senders: Senders

    def __init__(self, context: Context, registry: Registry, settings: Settings) -> None:
        self.context = context
        self.registry = registry
        self.removing: set[str] = set()  # peers that are being removed
        self.holds = Holds(context.store)
        self.waits = Waits(context.store)
        self.time = Timekeeper(context, self.holds, self._poke, self._tell_sender, settings.loop_window_secs * 1000)
        self._states: dict[str, IdentityState] = {}
        self._actors: dict[str, Actor] = {}

    async def close(self) -> None:
        """Let go of everything, within a bounded time; sessions live on."""
        seconds = self.context.timing.fleet.last_act
        closing = {asyncio.create_task(actor.close(seconds)) for actor in self._actors.values()}
        if closing:
            ended, late = await asyncio.wait(closing, timeout=2 * seconds)
            for task in late:
                task.cancel()
            for error in filter(None, (task.exception() for task in ended)):
                log.error("an actor did not let go", exc_info=error)

    # ---- actors

    def actor(self, who: str) -> Actor:
        """The one actor of an identity."""
        if who not in self._actors:
            known = functools.partial(self.registry.get, split_identity(who)[1])
            self._actors[who] = Actor(self._state(who), known)
            self._actors[who].poke()
        return self._actors[who]

    def _state(self, who: str) -> IdentityState:
        """What is known of an identity: where it has no actor yet, what the daemon before us knew of its deaths."""
        if who not in self._states:
            telling = Telling(self.senders.last_words, self.senders.tell_sender, self._relaunch, self.holds)
            state = IdentityState(self.context, who, telling)
            recall(state)
            self._states[who] = state
        return self._states[who]

    def status(self, who: str) -> IdentityStatus:
        """How an identity is now. Nothing acts for being asked after."""
        return status_of(self._state(who))

    def live_identities(self, known: RegisteredPeer) -> list[str]:
        """The identities of a peer that have a session within reach."""
        name = known.record.personality
        return [who for who, state in self._states.items() if state.session is not None and state.personality == name]

    def live_sessions(self) -> list[LiveSession]:
        """The sessions within reach, for what is done to all of them beside their actors."""
        return [state.live for state in self._states.values() if state.live is not None]

    def actors(self) -> list[Actor]:
        """All actors there are."""
        return list(self._actors.values())

    def of(self, known: RegisteredPeer) -> list[Actor]:
        """The actors of a peer, as far as there are any."""
        return [actor for actor in self.actors() if split_identity(actor.identity)[1] == known.personality]

    def is_worker(self, personality: str) -> bool:
        """Whether there is a worker of this name."""
        known = self.registry.find(personality)
        return known is not None and is_worker(known.profile)

    def route(self, known: RegisteredPeer, runtime: str | None) -> str:
        """The identity of the peer that is meant; Refused where none or several are."""
        if known.personality in self.removing:
            raise Refused(f"{known.personality} is being removed.", code="removing")
        return route(known, runtime, self.live_identities(known))

    async def ask(self, name: str, runtime: str | None, command: Callable[[Actor], Awaitable[T]]) -> tuple[Actor, T]:
        """Run a command in the actor of the identity that is meant."""
        actor = self.actor(self.route(self.registry.get(name), runtime))
        return actor, await actor.ask(command)

    async def forget(self, personality: str) -> None:
        """End the actors of a peer, whose sessions were ended, and forget what is known of its identities."""
        for who in [who for who in self._states if split_identity(who)[1] == personality]:
            if who in self._actors:
                await self._actors[who].close()
                del self._actors[who]
            del self._states[who]

    def _relaunch(self, personality: str) -> None:
        """A fresh session of the peer, of the runtime that a message would go to now."""
        with contextlib.suppress(PeerError):  # several are live, or it is being removed: none is missing
            self.actor(self.route(self.registry.get(personality), None)).relaunch()

    # ---- what happens to them

    def arrived(self, row: Row) -> None:
        """Have a row that was stored looked at: by its actor, and once its time comes."""
        if row.not_before_ms is not None or row.expires_ms is not None:
            self.time.look()
        if row.state in WAITING:
            self._poke(row.identity)

    def _poke(self, who: str) -> None:
        self.actor(who).poke()

    def _tell_sender(self, row: Row) -> None:
        self.senders.tell_sender(row)

    def connected(self, who: str, session: str | None) -> None:
        """Note that this session of the identity has asked for our tool."""
        if session is not None:
            self.actor(who).connected(session)

    def poke_all(self) -> None:
        """The slow heartbeat: look at everything, in case an event was missed."""
        self.context.files.retry()
        for actor in self._actors.values():
            actor.poke()
