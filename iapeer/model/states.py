"""The states of an inbox row and the steps allowed between them."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a message to one identity stands."""

    QUEUED = "queued"
    HELD = "held"
    LEASED = "leased"
    RUNNING = "running"
    STRANDED = "stranded"
    UNKNOWN = "unknown"
    NEEDS_INPUT = "needs_input"
    NEEDS_VERIFICATION = "needs_verification"
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"
    CANCELLED = "cancelled"
    DROPPED = "dropped"
    EXPIRED = "expired"


S = State
FINAL = frozenset({S.DONE, S.FAILED, S.DEAD, S.CANCELLED, S.DROPPED, S.EXPIRED})
WAITING = frozenset({S.QUEUED, S.HELD})
UNPROVEN = frozenset({S.LEASED, S.STRANDED, S.UNKNOWN})  # typed or about to be
OPEN = frozenset({S.RUNNING, S.NEEDS_INPUT})  # in a turn
IN_FLIGHT = UNPROVEN | OPEN  # a session has them: they block their identity until they are settled

STEPS: dict[State, frozenset[State]] = {
    S.QUEUED: frozenset({S.LEASED, S.HELD, S.CANCELLED, S.DROPPED, S.EXPIRED, S.DEAD}),
    S.HELD: frozenset({S.QUEUED, S.DONE, S.CANCELLED, S.DROPPED, S.EXPIRED, S.DEAD}),
    S.LEASED: frozenset({S.RUNNING, S.QUEUED, S.STRANDED, S.UNKNOWN, S.FAILED, S.DEAD}),
    S.STRANDED: frozenset({S.RUNNING, S.QUEUED, S.UNKNOWN, S.FAILED, S.DEAD}),
    S.UNKNOWN: frozenset({S.RUNNING, S.QUEUED, S.STRANDED, S.FAILED, S.DEAD}),
    S.RUNNING: frozenset({S.DONE, S.FAILED, S.CANCELLED, S.NEEDS_INPUT, S.NEEDS_VERIFICATION, S.QUEUED, S.DEAD}),
    # The end of the turn that asked is not the end of the work: done is what went on, and is running again.
    S.NEEDS_INPUT: frozenset({S.RUNNING, S.QUEUED, S.FAILED, S.CANCELLED, S.DEAD}),
    S.NEEDS_VERIFICATION: frozenset({S.DONE, S.QUEUED, S.FAILED, S.CANCELLED, S.DEAD}),
    **{state: frozenset() for state in FINAL},
}


def allowed(before: State, after: State) -> bool:
    """Whether a row may go from `before` to `after`."""
    return after in STEPS[before]
