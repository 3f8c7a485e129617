"""What a worker's live session does next: take its task, go on, or end. Pure: times are monotonic seconds.

A worker is a peer whose every task has a fresh session of its own. Its session is *armed* once it has given what was
wanted of it; an error or an interrupt is an outcome and no arm.
"""

from __future__ import annotations

from dataclasses import dataclass

from iapeer.model.causes import EndCause


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long it may be quiet before its end, silent without being armed, and in one turn (None: as it likes)."""

    quiet: float
    unarmed: float = 600.0
    turn: float | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """A worker's session with nothing in flight.

    `unused`: launched fresh, and no turn yet. `working`: since when a turn is open. `active`: the last activity.
    """

    unused: bool
    armed: bool
    active: float
    working: float | None = None
    people: bool = False


@dataclass(frozen=True, slots=True)
class Take:
    """The task that waits goes into this session."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A person is there: the tasks that wait are held."""


@dataclass(frozen=True, slots=True)
class End:
    """The session is over."""

    cause: EndCause


@dataclass(frozen=True, slots=True)
class Stay:
    """Nothing to do before `until`; None: before something happens."""

    until: float | None = None


Next = Take | Hold | End | Stay


def following(life: Life, waiting: bool, bounds: Bounds, now: float) -> Next:
    """What comes next. `waiting`: a task is there to be taken."""
    if life.people:
        return Hold() if waiting else Stay()
    if life.working is not None:
        return _due(overdue(life.working, bounds), EndCause.TIMEOUT, now)
    if life.armed:
        return _due(life.active + bounds.quiet, EndCause.REAPED, now)
    if life.unused and waiting:
        return Take()
    return _due(life.active + bounds.unarmed, EndCause.UNARMED, now)


def overdue(working: float | None, bounds: Bounds) -> float | None:
    """When a turn that is open since `working` has taken too long; None: never."""
    return None if working is None or bounds.turn is None else working + bounds.turn


def arms(outcome: str | None, *, at_rest: bool, background: bool) -> bool:
    """Whether the last turn, as its record has it, was a good end with nothing going on beside it."""
    return outcome == "done" and at_rest and not background


def _due(when: float | None, cause: EndCause, now: float) -> Next:
    return End(cause) if when is not None and now >= when else Stay(when)
