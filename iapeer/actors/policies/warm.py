"""The policy of a warm peer: a session takes one message after the other, and sleeps when nothing happens for long."""

from __future__ import annotations

from iapeer.actors.acts import Act, GoOn, Listen, Park, Rest
from iapeer.actors.facts import Facts
from iapeer.actors.lifecycle.park import may_park
from iapeer.actors.policies import rules
from iapeer.model.causes import BlockedReason
from iapeer.sessions.observation import blocked


def next_act(facts: Facts) -> Act:
    """Return what comes next: the first rule that applies."""
    return (
        rules.asleep(facts)
        or rules.before_look(facts)
        or rules.starting(facts)
        or rules.left_over(facts)
        or _in_flight(facts)
        or rules.between_turns(facts)
        or _waiting(facts)
        or _idle(facts)
    )


def _in_flight(facts: Facts) -> Act | None:
    return GoOn(facts.row) if facts.row is not None else None


def _waiting(facts: Facts) -> Act | None:
    return rules.begin(facts, facts.waiting) if facts.waiting is not None else None


def _idle(facts: Facts) -> Act:
    """Sleep after `idle_secs` of rest; the helpers' records are read only when it seems to be due."""
    here, now = facts.here, facts.now
    if facts.profile is None:
        return Rest(now + facts.timing.sleep.look)
    due = here.active + facts.profile.idle_secs
    if now < due:
        asks = blocked(here.seen, facts.now_ms) == BlockedReason.LOGIN  # then the next look asks its program again
        return Rest(min(due, here.login_due) if asks else due)
    if not here.listened:
        return Listen()
    return Park() if may_park(here.seen, facts.now_ms) else Rest(now + facts.timing.sleep.look)
