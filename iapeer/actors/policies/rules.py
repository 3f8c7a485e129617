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
from iapeer.actors.facts import Facts, SessionFacts
from iapeer.actors.lifecycle.boot import Boot, boot
from iapeer.model.causes import WaitReason
from iapeer.model.states import OPEN
from iapeer.sessions.observation import Observation, works
from iapeer.store import FRESH, Row

SEEN = frozenset(  # obstacles that a look met
    {WaitReason.BUSY, WaitReason.DIALOG, WaitReason.DRAFT, WaitReason.NO_COMPOSER, WaitReason.NOT_THE_AGENT}
)


def asleep(facts: Facts) -> Act:
    """There is no session: settle, file, hold or let go, then wake."""
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


def before_look(facts: Facts, here: SessionFacts) -> Act:
    """What needs no look at the session comes before one, and looks are apart."""
    apart = here.looked + facts.timing.delivery.apart if _is_slow(facts, here) else 0.0
    due = max(apart, here.enter_due)
    return _unlooked(facts, here) or (Rest(due) if facts.now < due else Look())


def after_look(facts: Facts, here: SessionFacts, seen: Observation) -> Act | None:
    """What beats all that a policy has to say: what needs no look, a start or an end, and what another session left."""
    return _unlooked(facts, here) or _starting(facts, here, seen) or _left_over(facts, here)


def _unlooked(facts: Facts, here: SessionFacts) -> Act | None:
    if facts.row is not None and facts.record is not None:
        return Record(facts.row, facts.record)
    if facts.guarded:
        return ReleaseGuarded()
    if facts.kept_out and not (facts.worker and here.people):
        return LetIn()
    return None


def _is_slow(facts: Facts, here: SessionFacts) -> bool:
    """Whether the screen has no news at once: Enter is pressed and the transcript tells, or a look was in vain."""
    row = facts.row
    if row is not None:
        return (row.state in OPEN or here.submitted) and row.session == here.id and here.readable
    return facts.waiting is not None and facts.waiting.reason in SEEN


def _starting(facts: Facts, here: SessionFacts, seen: Observation) -> Act | None:
    """An agent that has ended, and a session that does not take input yet."""
    if seen.gone:
        return Conclude()
    if here.ready:
        return None
    permissions = facts.profile.permissions if facts.profile is not None else "default"
    memory = here.boot or Boot(facts.now, changed=facts.now)
    waits = facts.timing.boot
    act = boot(here.adapter, permissions, seen, memory, facts.now, facts.now_ms, waits, live=here.live_state)
    return Start(act)


def _left_over(facts: Facts, here: SessionFacts) -> Act | None:
    """The row in flight is another session's."""
    return Settle(facts.row) if facts.row is not None and facts.row.session != here.id else None


def between_turns(facts: Facts, here: SessionFacts, seen: Observation) -> Act | None:
    """Nothing is in flight: what the agent itself wanted, and what nobody here waits for."""
    if FRESH in here.flags and not works(seen):
        return GiveUp()
    return FileAnswer(facts.waiting) if facts.orphan and facts.waiting is not None else None


def begin(facts: Facts, here: SessionFacts, row: Row, until: float | None = None) -> Act:
    """Type the row, once the agent has our tool, which is not waited for long. `until`: when to look again at most."""
    connecting = here.connecting_until
    if connecting is not None and facts.now < connecting:
        return PutOff(row, WaitReason.CONNECTING, connecting if until is None else min(until, connecting))
    return Begin(row, until)
