"""Carrying out acts, by one short coroutine each: it returns when to act next at the latest, None: on a change."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from iapeer.actors import acts
from iapeer.actors.acts import Act, Learning
from iapeer.actors.delivery.typing import Delivering
from iapeer.actors.ending import Ending
from iapeer.actors.facts import Facts, after_arming, after_listening, after_look
from iapeer.actors.launching import Launching
from iapeer.actors.lifecycle.boot import Boot
from iapeer.actors.lifecycle.wake import WakeRequest
from iapeer.actors.looking import arm, look
from iapeer.actors.resuming import resume_candidate
from iapeer.actors.starting import Starting
from iapeer.actors.state import IdentityState, SessionState
from iapeer.actors.wakefacts import request_of
from iapeer.model.causes import BlockedReason, EndCause, WaitReason
from iapeer.model.errors import PeerError
from iapeer.model.holds import HoldCause
from iapeer.sessions.observation import busy
from iapeer.store import FRESH, PARKING


class Performer:
    """Carries out the acts of one identity. `changed` waits until something changes, or for so many seconds."""

    def __init__(
        self, state: IdentityState, launching: Launching, starting: Starting, ending: Ending,
        changed: Callable[[float | None], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._state = state
        self._store = state.context.store
        self._launching = launching
        self._ending = ending
        self._changed = changed
        self._starting = starting
        self._delivering = Delivering(state)

    async def perform(self, act: Act) -> float | None:
        """Carry out the act."""
        return await COROUTINES[type(act)](self, act)

    async def learn(self, act: Learning, facts: Facts, here: SessionState) -> Facts:
        """Carry out an act that adds to the facts of this session, and return them."""
        match act:
            case acts.Look():
                return await self._look(facts, here)
            case acts.Listen():
                here.note_helpers(await asyncio.to_thread(here.live.beside_ms), self._state.now())
                return after_listening(facts, here)
            case acts.Arm(why):
                arm(self._state, why)
                return after_arming(facts, here)

    async def _look(self, facts: Facts, here: SessionState) -> Facts:
        state = self._state
        observation = await look(state, here)
        if here.blocked == BlockedReason.LOGIN:
            here.live.login.ask(observation.turn, awaited=facts.waiting is not None or not here.live.ready)
        if not (here.live.ready or observation.gone):
            here.boot = (here.boot or Boot(here.looked, changed=here.looked)).seen(observation, here.looked)
        return after_look(state, here, facts, observation)

    # ---- rows

    async def _rest(self, act: acts.Rest) -> float | None:
        return act.until

    async def _settle(self, act: acts.Settle) -> float:
        await self._ending.settle(act.row)
        return self._state.now()

    async def _file_answer(self, act: acts.FileAnswer) -> float:
        self._store.inbox.set_aside(act.row.message, "its asker has ended")
        return self._state.now()

    async def _let_in(self, _: acts.LetIn) -> float:
        state = self._state
        state.held = state.telling.holds.release(state.identity, HoldCause.ATTACHED) > 0
        return state.now()

    async def _keep_out(self, _: acts.KeepOut) -> float:
        state, state.held = self._state, True
        state.telling.holds.hold(state.identity, HoldCause.ATTACHED)
        return state.now()

    async def _hold_guarded(self, _: acts.HoldGuarded) -> float:
        state, state.guarded = self._state, True
        state.telling.holds.hold(state.identity, HoldCause.GUARD)
        return state.now()

    async def _release_guarded(self, _: acts.ReleaseGuarded) -> float:
        state = self._state
        state.guarded = state.telling.holds.release(state.identity, HoldCause.GUARD) > 0
        return state.now()

    # ---- waking

    async def _relaunch(self, _: acts.Relaunch) -> float:
        self._store.flags.clear(self._state.identity, FRESH)
        self._state.telling.fresh(self._state.personality)
        return self._state.now()

    async def _wake_eagerly(self, _: acts.WakeEagerly) -> float:
        with contextlib.suppress(PeerError):  # told and counted; the next message tries again
            await self._launching.waken(WakeRequest("eager"))
        return self._state.now()

    async def _wake_for(self, act: acts.WakeFor) -> float:
        state = self._state
        self._store.inbox.note_reason(act.row.message, WaitReason.WAKING)
        with contextlib.suppress(PeerError):  # told and counted already; the row waits for the next try
            candidate = resume_candidate(state.context, state.identity)
            request = request_of(state.context, state.identity, act.row, candidate.last)
            await self._launching.waken(request, candidate=candidate)
        return state.now()

    async def _start(self, act: acts.Start) -> float:
        return await self._starting.go_on(act)

    # ---- delivery

    async def _record(self, act: acts.Record) -> float | None:
        await self._delivering.carry_out(act.act, act.row, self._state.current())
        return self._state.now()

    async def _go_on(self, act: acts.GoOn) -> float | None:
        return _first(await self._delivering.step(act.row, self._state.current()), act.until)

    async def _begin(self, act: acts.Begin) -> float | None:
        return _first(await self._delivering.begin(act.row, self._state.current()), act.until)

    async def _put_off(self, act: acts.PutOff) -> float:
        self._store.inbox.note_reason(act.row.message, act.reason)
        return act.until

    # ---- ends

    async def _conclude(self, _: acts.Conclude) -> float:
        await self._ending.record_end(EndCause.EXIT, await self._state.current().live.conclude())
        return self._state.now()

    async def _give_up(self, _: acts.GiveUp) -> float:
        await self._ending.end(EndCause.FRESH)
        return self._state.now()

    async def _park(self, _: acts.Park) -> float:
        state, here = self._state, self._state.current()
        state.tell("parking", idle_s=round(state.now() - here.active))
        self._store.flags.set(state.identity, state.personality, PARKING)
        await self._ending.record_end(EndCause.PARKED, await here.live.end())
        return state.now()

    async def _reap(self, act: acts.Reap) -> float:
        """A worker's session is over by the rules: no death, and nothing to resume."""
        state, here = self._state, self._state.current()
        state.tell("reaping", cause=act.cause, idle_s=round(state.now() - here.active, 1))
        if act.cause is EndCause.TIMEOUT:
            await self.interrupt()
        await self._ending.record_end(act.cause, await here.live.end())
        return state.now()

    async def interrupt(self) -> bool:
        """Press the adapter's interrupt key, again where the program wants that; whether the turn is over in time."""
        state, here, waits = self._state, self._state.current(), self._state.context.timing.control
        live = here.live
        keys = live.adapter.keys
        apart = keys.again_ms / 1000 if keys.again_ms is not None else math.inf
        state.tell("interrupt")
        await live.tmux.key(keys.interrupt)
        pressed = state.now()
        deadline = pressed + waits.interrupt
        while busy(observation := await look(state, here)) and not observation.gone:
            if state.now() > deadline:
                return False
            if state.now() >= pressed + apart:
                await live.tmux.key(keys.interrupt)
                pressed = state.now()
            await self._changed(min(waits.interrupt_look, apart))
        return True


def _first(*times: float | None) -> float | None:
    return min((when for when in times if when is not None), default=None)


COROUTINES: dict[type, Callable[[Performer, Any], Coroutine[Any, Any, float | None]]] = {
    acts.Rest: Performer._rest,
    acts.Settle: Performer._settle,
    acts.LetIn: Performer._let_in,
    acts.KeepOut: Performer._keep_out,
    acts.ReleaseGuarded: Performer._release_guarded,
    acts.HoldGuarded: Performer._hold_guarded,
    acts.FileAnswer: Performer._file_answer,
    acts.Relaunch: Performer._relaunch,
    acts.WakeEagerly: Performer._wake_eagerly,
    acts.WakeFor: Performer._wake_for,
    acts.Record: Performer._record,
    acts.Conclude: Performer._conclude,
    acts.Start: Performer._start,
    acts.GoOn: Performer._go_on,
    acts.Begin: Performer._begin,
    acts.PutOff: Performer._put_off,
    acts.GiveUp: Performer._give_up,
    acts.Park: Performer._park,
    acts.Reap: Performer._reap,
}
