"""What the guard does to one identity: its deaths are counted and told, its messages held while it is left down."""

from __future__ import annotations

from iapeer.actors.guard import REMEMBERED, Guard, is_death, recalled, words
from iapeer.actors.station import Station
from iapeer.model.holds import HoldCause


def recall(at: Station) -> None:
    """Know what the daemon before us knew, as far as the sessions tell."""
    sessions = at.context.store.sessions.newest_of(at.identity, REMEMBERED)
    at.guard = recalled(sessions, at.context.machine.processes.boot_id(), at.now(), at.context.now_ms())
    last = sessions[-1] if sessions else None
    if last is not None and last.ended_ms is not None and last.ready_ms is None and is_death(last):
        at.failed = words(last)


def died(at: Station, why: str) -> None:
    """Count the death of a session that had been ready."""
    _count(at, why)
    _tell_held(at, why)


def launch_failed(at: Station, why: str, screen: str) -> None:
    """Count it. The screen is shown to who asks, and kept out of events and logs: it may hold a message."""
    at.failed = f"{why}: {screen}" if screen else why
    _count(at, at.failed)
    at.tell("launch_failed", error=why, failures=at.guard.failures, again_s=again_s(at))
    _tell_held(at, why)


def _count(at: Station, said: str) -> None:
    at.guard = at.guard.died(at.now(), at.now() - at.born, said)


def _tell_held(at: Station, why: str) -> None:
    if at.guard.holds(at.now()):
        at.tell(HoldCause.GUARD, error=why, failures=at.guard.failures, again_s=again_s(at))


def again_s(at: Station) -> int:
    """Whole seconds until it may be tried again."""
    return round(at.guard.left(at.now()))


def forgive(at: Station) -> None:
    """A person wants a new try, now. What was held is let go by the acts that follow."""
    at.guard = Guard()


def release(at: Station) -> bool:
    """A part of what the guard held waits again; whether there may be more."""
    return at.telling.holds.release(at.identity, HoldCause.GUARD) > 0


def left_down(at: Station) -> float | None:
    """Until when it is left down, what waits for it held; None when it may be tried, and nothing is held any more.

    Now, when there may be more to hold or to let go, or something is free: it is to be looked at again.
    """
    if not at.guard.holds(at.now()):
        return at.now() if release(at) else None
    if at.context.store.inbox.next_waiting(at.identity) is not None:
        at.telling.holds.hold(at.identity, HoldCause.GUARD)
        return at.now()
    return at.guard.until
