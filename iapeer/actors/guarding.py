"""What the guard does to one identity: its deaths are counted and told, its messages held while it is left down."""

from __future__ import annotations

from iapeer.actors.lifecycle.guard import REMEMBERED, Guard, is_death, recalled, words
from iapeer.actors.state import IdentityState
from iapeer.model.holds import HoldCause


def recall(at: IdentityState) -> None:
    """Take into `at` what the daemon before us knew of deaths, as far as the sessions tell."""
    sessions = at.context.store.sessions.newest_of(at.identity, REMEMBERED)
    boot = at.context.machine.processes.boot_id()
    at.guard = recalled(sessions, boot, at.now(), at.context.now_ms(), at.context.timing.guard)
    at.guarded = at.context.store.holds.any_held(at.identity, HoldCause.GUARD)
    last = sessions[-1] if sessions else None
    if last is not None and last.ended_ms is not None and last.ready_ms is None and is_death(last):
        at.failed = words(last)


def died(at: IdentityState, lived_s: float, why: str) -> None:
    """Count the death of a session that had been ready."""
    _count(at, lived_s, why)
    _tell_held(at, why)


def launch_failed(at: IdentityState, lived_s: float, why: str, screen: str) -> None:
    """Count it. The screen is shown to who asks, and kept out of events and logs: it may hold a message."""
    at.failed = f"{why}: {screen}" if screen else why
    _count(at, lived_s, at.failed)
    at.tell("launch_failed", error=why, failures=at.guard.failures, again_s=again_s(at))
    _tell_held(at, why)


def _count(at: IdentityState, lived_s: float, said: str) -> None:
    at.guard = at.guard.died(at.now(), lived_s, said, at.context.timing.guard)


def _tell_held(at: IdentityState, why: str) -> None:
    if at.guard.holds(at.now()):
        at.tell(HoldCause.GUARD, error=why, failures=at.guard.failures, again_s=again_s(at))


def again_s(at: IdentityState) -> int:
    """Whole seconds until it may be tried again."""
    return round(at.guard.left(at.now()))


def reset_guard(at: IdentityState) -> None:
    """A person wants a new try, now. What was held is let go by the acts that follow."""
    at.guard = Guard()
