"""How a message stands, as things are now: whether it was delivered, and why it is not being typed."""

from __future__ import annotations

from iapeer.actors.status import SessionStatus
from iapeer.fleet.fleet import Fleet
from iapeer.model.causes import WaitReason
from iapeer.model.states import State
from iapeer.store import ANSWER, INFORMATIONAL, RETURNED, Row

UNTYPED = frozenset({INFORMATIONAL, RETURNED})  # outcomes of rows that are done and were never typed
_OUTSIDE = frozenset({WaitReason.DIALOG, WaitReason.LOGIN, WaitReason.QUOTA, WaitReason.NOT_THE_AGENT})
_PROVEN = frozenset({State.RUNNING, State.DONE, State.NEEDS_INPUT, State.NEEDS_VERIFICATION})


def waits_for(fleet: Fleet, row: Row) -> str:
    """Why a row that waits is not being typed."""
    status = fleet.status(row.identity)
    session = status.session
    if row.state is State.HELD:
        return row.reason or "held"
    if not _is_due(fleet, row):
        return WaitReason.SCHEDULED
    if status.unreachable is not None:
        return WaitReason.UNREACHABLE
    if session is None and status.guarded_s is not None:
        return WaitReason.GUARD
    if session is not None and session.stuck:
        return session.stuck if session.stuck in _OUTSIDE else WaitReason.DIALOG
    if row.priority != ANSWER and fleet.is_worker(row.to):
        return WaitReason.EPHEMERAL
    if session is None or not session.ready:
        return WaitReason.WAKING
    return WaitReason.CONNECTING if session.connecting else _in_the_way(session)


def _in_the_way(session: SessionStatus) -> str:
    """What keeps a message out of a session that takes input."""
    why, ahead = session.obstacle, session.delivering  # the message ahead stands in the composer then, no draft
    return why if why in _OUTSIDE or (why is not None and not ahead) else WaitReason.BUSY


def wakes(fleet: Fleet, row: Row) -> bool:
    """Whether the message is one for which a session is started now."""
    if row.state is not State.QUEUED or not _is_due(fleet, row):
        return False
    status = fleet.status(row.identity)
    return status.session is None and status.guarded_s is None


def prospects(fleet: Fleet, row: Row) -> tuple[bool, bool]:
    """Tell what a message meets that was accepted just now: (whether a session is started for it, whether it is free).

    Free: it is typed at once, or its actor says why not; the peer is live, with nothing ahead.
    """
    if row.state is not State.QUEUED or not _is_due(fleet, row):
        return False, False
    status = fleet.status(row.identity)
    session = status.session
    if session is None:
        return status.guarded_s is None, False
    if not session.ready or session.delivering or fleet.is_worker(row.to):
        return False, False
    return False, fleet.context.store.inbox.depth(row.identity) <= 1


def is_delivered(fleet: Fleet, row: Row) -> bool:
    """Whether the agent's record was seen to hold the message."""
    if row.outcome in UNTYPED:
        return False
    if row.state in _PROVEN:
        return True
    return any(event.ev == "delivered" for event in fleet.context.store.events.page(message=row.message))


def _is_due(fleet: Fleet, row: Row) -> bool:
    return row.not_before_ms is None or row.not_before_ms <= fleet.context.now_ms()
