"""Why a session is over that nobody was ending just now."""

from __future__ import annotations

from iapeer.actors.policies.worker import has_done
from iapeer.actors.resuming import not_known
from iapeer.actors.state import IdentityState
from iapeer.model.causes import EndCause
from iapeer.sessions.live import Ended, LiveSession
from iapeer.store import ARMED, PARKING


def why_it_left(at: IdentityState, running: LiveSession, ended: Ended) -> EndCause:
    """Why an agent has ended by itself."""
    if not_known(at.context.store.sessions.get(running.id), running.adapter, ended):
        return EndCause.NOT_RESUMED
    left = ended.signal is None and ended.exit_code in running.adapter.exit.clean
    return why_gone(at, EndCause.EXIT, left=left)


def why_gone(at: IdentityState, otherwise: EndCause, *, left: bool | None) -> EndCause:
    """Why a session is dead: it was being ended before, or its agent had done its work; else `otherwise`.

    `left`: whether its agent ended by itself, in order; None: not known.
    """
    if PARKING in at.context.store.flags.of(at.identity):
        return EndCause.PARKED
    if at.context.store.peers.is_stopped(at.identity):
        return EndCause.STOP
    return EndCause.REAPED if left is not False and _has_given(at, left=bool(left)) else otherwise


def _has_given(at: IdentityState, *, left: bool) -> bool:
    """Whether the session that is over had given what was wanted of it: its end is no failure then.

    `left`: its agent is known to have ended by itself, and in order; else that counts only with nothing in flight.
    """
    store, here = at.context.store, at.session
    if ARMED in store.flags.of(at.identity) and (left or store.inbox.in_flight(at.identity) is None):
        return True
    if not (left and at.worker) or here is None or here.observation is None:
        return False
    return has_done(here.observation, here.outlasted, here.rested, at.now(), at.context.timing.worker)
