"""A session that outlived its daemon is taken over, or its end is recorded."""

from __future__ import annotations

from collections.abc import Callable

from iapeer.actors.booting import Boot
from iapeer.actors.guarding import recall
from iapeer.actors.leaving import why_gone
from iapeer.actors.sleeping import active_before
from iapeer.actors.state import IdentityState, SessionState
from iapeer.model.errors import PeerError
from iapeer.sessions.adopt import adopt
from iapeer.sessions.aftermath import clear_away
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
        state.context.store.sessions.end(record.id, cause=why_gone(state, "lost", left=None))
        recall(state)
        return
    state.worker = record.cause == "ephemeral-policy"  # what counts where the profile cannot be read now
    now, last_ms = state.now(), live.glimpse().last_ms
    boot = None if live.ready else Boot(since=now, changed=now)
    state.session = SessionState(live, now, active_before(state, live, last_ms), boot=boot, last_ms=last_ms)
    state.tell("readopted", conversation=live.conversation, version=record.version)
    poke()
