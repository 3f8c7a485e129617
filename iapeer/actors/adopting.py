"""A session that outlived its daemon is taken over, or its end is recorded."""

from __future__ import annotations

from collections.abc import Callable

from iapeer.actors.guarding import recall
from iapeer.actors.leaving import why_gone
from iapeer.actors.lifecycle.boot import Boot
from iapeer.actors.state import IdentityState, SessionState
from iapeer.model.causes import EndCause, WakeCause
from iapeer.model.errors import PeerError
from iapeer.sessions.adopt import adopt
from iapeer.sessions.aftermath import clear_away
from iapeer.sessions.live import LiveSession
from iapeer.store import SessionRecord


async def find(state: IdentityState, poke: Callable[[], None]) -> None:
    """Take over the session on record that has no end, if there is one: it was another daemon's.

    PeerError, and `unreachable`, when it lives and cannot be reached.
    """
    last = state.context.store.sessions.last(state.identity)
    try:
        if last is not None and last.ended_ms is None:
            await _take_over(state, last, poke)
    except PeerError as error:
        state.unreachable = str(error)
        raise
    state.unreachable = None


async def _take_over(state: IdentityState, record: SessionRecord, poke: Callable[[], None]) -> None:
    live = await adopt(state.context, record, poke)
    if live is None:
        await clear_away(state.context, record)
        state.context.store.sessions.end(record.id, cause=why_gone(state, EndCause.LOST, left=None))
        recall(state)
        return
    state.worker = record.cause == WakeCause.EPHEMERAL_POLICY  # what counts where the profile cannot be read now
    now, last_ms = state.now(), live.glimpse().last_ms
    boot = None if live.ready else Boot(since=now, changed=now)
    state.session = SessionState(live, now, _active_before(state, live, last_ms), boot=boot, last_ms=last_ms)
    state.tell("readopted", conversation=live.conversation, version=record.version)
    poke()


def _active_before(state: IdentityState, live: LiveSession, last_ms: int | None) -> float:
    """When something last happened in a session that was found again. `last_ms`: the newest time in its transcript."""
    return state.now() - (_rest_s(state, live, last_ms) if last_ms is not None else 0.0)


def _rest_s(state: IdentityState, live: LiveSession, last_ms: int) -> float:
    """How long a session that was found again has been at rest, in seconds. A clock set forward adds nothing."""
    record, ran = state.context.store.sessions.get(live.id), state.context.machine.processes.age(live.pid)
    jumped = 0.0
    if record is not None and ran is not None:
        ahead = (state.context.now_ms() - record.started_ms) / 1000 - ran
        jumped = ahead if ahead > state.context.timing.sleep.jump else 0.0
    return max(0.0, (state.context.now_ms() - last_ms) / 1000 - jumped)
