"""Why a session is over that nobody was ending just now."""

from __future__ import annotations

from iapeer.actors.resuming import not_known
from iapeer.actors.station import Station
from iapeer.actors.working import has_given
from iapeer.model.causes import EndCause
from iapeer.sessions.live import Ended, LiveSession
from iapeer.store import PARKING


def why_it_left(at: Station, running: LiveSession, ended: Ended) -> EndCause:
    """Why an agent has ended by itself."""
    if not_known(at.context.store.sessions.get(running.id), running.adapter, ended):
        return EndCause.NOT_RESUMED
    left = ended.signal is None and ended.exit_code in running.adapter.exit.clean
    return why_gone(at, EndCause.EXIT, left=left)


def why_gone(at: Station, otherwise: EndCause, *, left: bool | None) -> EndCause:
    """Why a session is dead: it was being ended before, or its agent had done its work; else `otherwise`.

    `left`: whether its agent ended by itself, in order; None: not known.
    """
    if PARKING in at.context.store.flags.of(at.identity):
        return EndCause.PARKED
    if at.context.store.peers.is_stopped(at.identity):
        return EndCause.STOP
    return EndCause.REAPED if left is not False and has_given(at, left=bool(left)) else otherwise
