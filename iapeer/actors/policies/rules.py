"""The rules that all wake policies share. Each returns an act, or None where it does not apply. Pure."""

from __future__ import annotations

from iapeer.actors.acts import (
    Act,
    Begin,
    Conclude,
    FileAnswer,
    GiveUp,
    HoldGuarded,
    LetIn,
    Look,
    PutOff,
    Record,
    Relaunch,
    ReleaseGuarded,
    Rest,
    Settle,
    Start,
    WakeEagerly,
    WakeFor,
)
from iapeer.actors.facts import Facts
from iapeer.actors.lifecycle.boot import Boot, boot
from iapeer.model.causes import WaitReason
from iapeer.model.states import OPEN
from iapeer.sessions.observation import works
from iapeer.store import FRESH, Row

SEEN = frozenset(  # obstacles that a look met
    {WaitReason.BUSY, WaitReason.DIALOG, WaitReason.DRAFT, WaitReason.NO_COMPOSER, WaitReason.NOT_THE_AGENT}
)


def asleep(facts: Facts) -> Act | None:
    """There is no session: settle, file, hold or let go, then wake."""
    if facts.session is not None:
        return None
    if facts.row is not None:
        return Settle(facts.row)
    if facts.kept_out:
        return LetIn()
    if facts.orphan and facts.waiting is not None:
        return FileAnswer(facts.waiting)
    if facts.wants_fresh:
        return Relaunch()
    return _left_down(facts) or _wake(facts)


def _left_down(facts: Facts) -> Act | None:
    if facts.down:
        return Rest()
    if facts.backoff_until is not None:
        return HoldGuarded() if facts.waiting is not None else Rest(facts.backoff_until)
    return ReleaseGuarded() if facts.guarded else None


def _wake(facts: Facts) -> Act:
    if facts.eager:
        return WakeEagerly()
    return WakeFor(facts.waiting) if facts.waiting is not None else Rest()


def before_look(facts: Facts) -> Act | None:
    """What needs no look at the session comes before one, and looks are apart."""
    here = facts.here
    if facts.row is not None and facts.record is not None:
        return Record(facts.row, facts.record)
    if facts.guarded:
        return ReleaseGuarded()
    if facts.kept_out and not (facts.worker and here.people):
        return LetIn()
    if here.observation is not None:
        return None
    due = here.looked + facts.timing.delivery.apart
    return Rest(due) if _is_slow(facts) and facts.now < due else Look()


def _is_slow(facts: Facts) -> bool:
    """Whether the screen has no news at once: Enter is pressed and the transcript tells, or a look was in vain."""
    row, here = facts.row, facts.here
    if row is not None:
        return (row.state in OPEN or here.submitted) and row.session == here.id and here.readable
    return facts.waiting is not None and facts.waiting.reason in SEEN


def starting(facts: Facts) -> Act | None:
    """An agent that has ended, and a session that does not take input yet."""
    here = facts.here
    if here.seen.gone:
        return Conclude()
    if here.ready:
        return None
    permissions = facts.profile.permissions if facts.profile is not None else "default"
    memory = here.boot or Boot(facts.now, changed=facts.now)
    waits = facts.timing.boot
    act = boot(here.adapter, permissions, here.seen, memory, facts.now, facts.now_ms, waits, live=here.live_state)
    return Start(act)


def left_over(facts: Facts) -> Act | None:
    """The row in flight is another session's."""
    return Settle(facts.row) if facts.row is not None and facts.row.session != facts.here.id else None


def between_turns(facts: Facts) -> Act | None:
    """Nothing is in flight: what the agent itself wanted, and what nobody here waits for."""
    here = facts.here
    if FRESH in here.flags and not works(here.seen):
        return GiveUp()
    return FileAnswer(facts.waiting) if facts.orphan and facts.waiting is not None else None


def begin(facts: Facts, row: Row, until: float | None = None) -> Act:
    """Type the row, once the agent has our tool, which is not waited for long. `until`: when to look again at most."""
    connecting = facts.here.connecting_until
    if connecting is not None and facts.now < connecting:
        return PutOff(row, WaitReason.CONNECTING, connecting if until is None else min(until, connecting))
    return Begin(row, until)
