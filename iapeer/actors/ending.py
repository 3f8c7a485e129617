"""Sessions that end: recorded once, their message settled, their deaths counted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from iapeer.actors.delivery.settle import Rules, settle
from iapeer.actors.delivery.settling import carry_out, evidence_left
from iapeer.actors.guarding import died
from iapeer.actors.launching import Launching, nothing_to_resume
from iapeer.actors.leaving import why_it_left
from iapeer.actors.lifecycle.guard import DEATHS, how, tail_of
from iapeer.actors.lifecycle.wake import WakeRequest
from iapeer.actors.resuming import resume_candidate
from iapeer.actors.starts import Starts
from iapeer.actors.state import IdentityState, SessionState
from iapeer.model.causes import EndCause, WakeCause
from iapeer.model.errors import Failed, PeerError
from iapeer.peers.registry import RegisteredPeer
from iapeer.sessions.live import Ended
from iapeer.sessions.privatefiles import forget_files
from iapeer.store import Row, SessionRecord


class Ending:
    """Ends the sessions of one identity."""

    def __init__(
        self, state: IdentityState, known: Callable[[], RegisteredPeer], starts: Starts, launching: Launching
    ) -> None:
        self._state = state
        self._known = known
        self._starts = starts
        self._launching = launching

    async def end(self, cause: EndCause) -> None:
        """End the session, if there is one, and settle what was in flight."""
        here = self._state.session
        if here is not None and here.ending is None:
            await self.record_end(cause, await here.live.end())
        else:
            await self.record_pending()

    async def record_pending(self) -> None:
        """Record an end that could not be put on record when it came, if there is one."""
        here = self._state.session
        if here is not None and here.ending is not None:
            await self.record_end(*here.ending)

    async def record_end(self, cause: EndCause, ended: Ended, why: str | None = None) -> None:
        """The session is over and cleared away: record how, settle its message, count a death.

        An error leaves `ending` set: the next act begins here again, and nothing is settled or counted twice.
        """
        state, here = self._state, self._state.current()
        here.ending = (cause, ended, why)
        session = state.context.store.sessions.end(
            here.live.id,
            cause=why_it_left(state, here.live, ended) if cause is EndCause.EXIT else cause,
            exit_code=ended.exit_code,
            signal=ended.signal,
            last_screen=ended.last_screen[-4000:],
        )
        forget_files(state.context.layout, here.live.id)
        row = state.context.store.inbox.in_flight(state.identity)
        if row is not None and row.session == here.live.id:
            await self.settle(row, ended.pasted, session)
        state.session = None
        await self._count(here, session, ended, why)

    async def settle(self, row: Row, pasted: str | None = None, session: SessionRecord | None = None) -> None:
        """Move the row, whose session is over, to where it belongs. `pasted`: tmux's last mark; None: not known."""
        state, store = self._state, self._state.context.store
        session = session or (store.sessions.get(row.session) if row.session else None)
        evidence = await evidence_left(state.context, row, session, pasted)
        outcome = settle([row], evidence, Rules(again=state.is_worker(self._known().profile)))
        carry_out(store, row, evidence, outcome, state.telling)
        if state.session is not None:
            state.session.forget_delivery()

    async def _count(self, here: SessionState, session: SessionRecord | None, ended: Ended, why: str | None) -> None:
        """Count a death, and tell who waited for a start."""
        state, lived_s = self._state, self._state.now() - here.born
        cause = session.end_cause if session is not None and session.end_cause else EndCause.EXIT
        said = how(ended.exit_code, ended.signal)
        if cause == EndCause.NOT_RESUMED and session is not None:
            await self._not_resumed(session)
        elif cause not in DEATHS:  # decided: no failure, but nobody need wait for it any more
            self._starts.fail(Failed(f"{state.identity} was ended while it started ({cause}).", code="ended"))
        elif here.live.ready:
            died(state, lived_s, why or f"the agent ended ({said})")
        elif session is not None and session.cause == WakeCause.FOLDER_LAUNCH:  # a person saw it, and decides
            self._starts.fail(
                Failed(f"{state.identity} did not start: the agent ended ({said}).", code="launch-failed")
            )
            state.tell("launch_failed", error=said)
        else:
            why = why or f"the agent ended while starting ({said})"
            self._launching.failed(lived_s, why, tail_of(ended.last_screen))

    async def _not_resumed(self, session: SessionRecord) -> None:
        """The launch is sound. Who waits for a start gets a fresh session; who wanted this conversation, the reason."""
        state, peers = self._state, self._state.context.store.peers
        if session.cause == WakeCause.ATTACH or peers.is_down(state.identity):
            why = resume_candidate(state.context, state.identity).why
            self._starts.fail(nothing_to_resume(state.personality, why))
        elif any(not future.done() for future in self._starts.waiting):
            with contextlib.suppress(PeerError):  # told and counted already
                await self._launching.waken(WakeRequest("start"))
