"""The actor of one identity: all acts on it run here, one after the other, driven by events and deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from iapeer.actors import acts, adopting
from iapeer.actors.acts import Act, Learning
from iapeer.actors.ending import Ending
from iapeer.actors.facts import Facts, gather
from iapeer.actors.launching import Launching
from iapeer.actors.looking import look
from iapeer.actors.loop import Loop, closed
from iapeer.actors.perform import Performer
from iapeer.actors.policies import next_act
from iapeer.actors.starting import Starting
from iapeer.actors.starts import Starts
from iapeer.actors.state import IdentityState
from iapeer.model.errors import Failed, PeerError
from iapeer.peers.registry import RegisteredPeer
from iapeer.sessions.live import LiveSession
from iapeer.sessions.observation import Observation

BEFORE_A_WISH = (acts.Settle, acts.LetIn, acts.FileAnswer, acts.Relaunch)  # then the wish for a session still stands


class Actor(Loop):
    """Consumes one identity's inbox. `poke` makes it look; `ask` runs a command between two of its acts.

    Commands use `launching`, `ending`, `look` and `interrupt`.
    """

    def __init__(self, state: IdentityState, known: Callable[[], RegisteredPeer]) -> None:
        super().__init__(state)
        self._known = known
        self._starts = Starts()
        self.launching = Launching(state, known, self._starts, self.poke)
        self.ending = Ending(state, known, self._starts, self.launching)
        starting = Starting(state, self._starts, self.ending)
        self._performer = Performer(state, self.launching, starting, self.ending, self.changed)
        self.found = asyncio.Event()  # a session that outlived the last daemon was looked for
        self.begin()

    # ---- from outside

    def connected(self, session: str) -> None:
        """The agent of this session has asked for our tool."""
        if self.at.live is not None and self.at.live.id == session:
            self.at.live.connected()

    def turn_ended(self, session: str, payload: dict[str, Any]) -> None:
        """The hook of this session's agent says that a turn ended."""
        if self.at.live is not None and self.at.live.id == session:
            self.at.live.turn_ended(payload)

    def relaunch(self) -> None:
        """A fresh session is wanted now, in place of one that its agent gave up."""
        self.at.eager = True
        self.poke()

    async def until_ready(self) -> LiveSession:
        """Wait for the session to take input; PeerError when its start fails or a person is needed."""
        live = self.at.live
        if live is not None and live.ready:
            return live
        if self._closing:
            raise closed()
        self.poke()  # where there is no session any more, the next act says so
        return await self._starts.wait()

    async def close(self, seconds: float | None = None) -> None:
        """Let go, breaking off an act that takes longer (None: none is): the session lives on without us."""
        await self.finish(seconds)
        self._answer_all(closed())
        if self.at.live is not None:
            await self.at.live.release()

    def _answer_all(self, error: PeerError) -> None:
        """Leave nobody waiting who asked."""
        self.refuse_commands(error)
        self._starts.fail(error)

    # ---- the loop

    async def step(self) -> float | None:
        """Gather the facts, have the policy decide, perform its act; when to act next at the latest."""
        if self.at.session is None:
            await self._find()
        elif self.at.session.ending is not None:
            await self.ending.record_pending()
        if self._commands:
            await self.serve()
        if self._starts.waiting:
            self._answer_starts()
        facts = await gather(self.at, self._known)
        self.at.worker = facts.worker
        act = next_act(facts)
        while isinstance(act, Learning):
            facts = await self._performer.learn(act, facts, self.at.current())
            act = next_act(facts)
        return await self._perform(act, facts)

    async def _perform(self, act: Act, facts: Facts) -> float | None:
        if facts.session is not None or not isinstance(act, BEFORE_A_WISH):
            self.at.eager = False
        return await self._performer.perform(act)

    async def _find(self) -> None:
        """Take over a session that was another daemon's, before anything else is done."""
        try:
            await adopting.find(self.at, self.poke)
        except PeerError as error:
            lives = f"{self.at.identity} lives and cannot be reached: {error}"
            self._answer_all(Failed(lives, code="unreachable-session"))
            raise
        finally:
            self.found.set()

    def _answer_starts(self) -> None:
        live = self.at.live
        if live is None:
            text = f"{self.at.identity} ended before it took input: `iapeer logs` says why."
            self._starts.fail(Failed(text, code="ended"))
        elif live.ready:
            self._starts.ready(live)

    def forget(self) -> None:
        if self.at.session is not None:
            self.at.session.forget_delivery()

    # ---- for commands

    async def look(self) -> Observation:
        """Look at the session, and notice people who came or went."""
        return await look(self.at, self.at.current())

    async def interrupt(self) -> bool:
        """Press the interrupt key; whether the turn is over in time."""
        return await self._performer.interrupt()
