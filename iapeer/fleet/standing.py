"""How a message stands, as things are now: whether it was delivered, and why it is not being typed."""

from __future__ import annotations

from iapeer.fleet.fleet import Fleet
from iapeer.model.causes import WaitReason
from iapeer.model.states import State
from iapeer.sessions.observation import obstacle
from iapeer.store import ANSWER, INFORMATIONAL, RETURNED, Row

UNTYPED = frozenset({INFORMATIONAL, RETURNED})  # outcomes of rows that are done and were never typed
_OUTSIDE = frozenset({WaitReason.DIALOG, WaitReason.LOGIN, WaitReason.QUOTA, WaitReason.NOT_THE_AGENT})
_PROVEN = frozenset({State.RUNNING, State.DONE, State.NEEDS_INPUT, State.NEEDS_VERIFICATION})


def waits_for(fleet: Fleet, row: Row) -> str:
    """Why a row that waits is not being typed."""
    at = fleet.actor(row.identity).at
    if row.state is State.HELD:
        return row.reason or "held"
    if not _is_due(fleet, row):
        return WaitReason.SCHEDULED
    if at.unreachable is not None:
        return WaitReason.UNREACHABLE
    if at.running is None and at.guard.holds(at.now()):
        return WaitReason.GUARD
    if at.running is not None and at.stuck:
        return at.stuck if at.stuck in _OUTSIDE else WaitReason.DIALOG
    if row.priority != ANSWER and fleet.is_worker(row.to):
        return WaitReason.EPHEMERAL
    if at.running is None or not at.running.ready:
        return WaitReason.WAKING
    if at.running.connecting_until is not None and at.now() < at.running.connecting_until:
        return WaitReason.CONNECTING
    why = obstacle(at.observation, fleet.context.now_ms()) if at.observation else None
    ahead = at.attempt is not None  # what stands in the composer then is the message ahead, no draft
    return why if why in _OUTSIDE or (why is not None and not ahead) else WaitReason.BUSY


def wakes(fleet: Fleet, row: Row) -> bool:
    """Whether the message is one for which a session is started now."""
    if row.state is not State.QUEUED or not _is_due(fleet, row):
        return False
    at = fleet.actor(row.identity).at
    return at.running is None and not at.guard.holds(at.now())


def is_free(fleet: Fleet, row: Row) -> bool:
    """Whether the message is typed at once, or its actor says why not: the peer is live, with nothing ahead."""
    if row.state is not State.QUEUED or not _is_due(fleet, row):
        return False
    at = fleet.actor(row.identity).at
    ready = at.running is not None and at.running.ready and not fleet.is_worker(row.to)
    return ready and fleet.context.store.inbox.depth(row.identity) <= 1 and at.attempt is None


def is_delivered(fleet: Fleet, row: Row) -> bool:
    """Whether the agent's record was seen to hold the message."""
    if row.outcome in UNTYPED:
        return False
    if row.state in _PROVEN:
        return True
    return any(event.ev == "delivered" for event in fleet.context.store.events.page(message=row.message))


def _is_due(fleet: Fleet, row: Row) -> bool:
    return (row.not_before_ms or 0) <= fleet.context.now_ms()
