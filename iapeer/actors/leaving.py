"""Why a session is over that nobody was ending just now."""

from __future__ import annotations

from iapeer.actors.reaping import REAPED
from iapeer.actors.resuming import NOT_RESUMED, not_known
from iapeer.actors.station import Station
from iapeer.actors.working import has_given
from iapeer.sessions.live import Ended, LiveSession
from iapeer.store import PARKING


def why_it_left(at: Station, running: LiveSession, ended: Ended) -> str:
    """Why an agent has ended by itself."""
    if not_known(at.context.store.sessions.get(running.id), running.adapter, ended):
        return NOT_RESUMED
    left = ended.signal is None and ended.exit_code in running.adapter.exit.clean
    return why_gone(at, "exit", left=left)


def why_gone(at: Station, otherwise: str, *, left: bool | None) -> str:
    """Why a session is dead: it was being ended before, or its agent had done its work; else `otherwise`.

    `left`: whether its agent ended by itself, in order; None: not known.
    """
    if PARKING in at.context.store.flags.of(at.identity):
        return "parked"
    if at.context.store.peers.is_stopped(at.identity):
        return "stop"
    return REAPED if left is not False and has_given(at, left=bool(left)) else otherwise
