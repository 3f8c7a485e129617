"""The policy of a warm peer: a session takes one message after the other, and sleeps when nothing happens for long."""

from __future__ import annotations

from iapeer.actors.acts import Act, GoOn, Listen, Park, Rest
from iapeer.actors.facts import Facts, SessionFacts
from iapeer.actors.lifecycle.park import may_park
from iapeer.actors.policies import rules
from iapeer.model.causes import BlockedReason
from iapeer.sessions.observation import Observation, blocked


def next_act(facts: Facts, here: SessionFacts, seen: Observation) -> Act:
    """Return what comes next after a look, where no rule of all policies applies."""
    if facts.row is not None:
        return GoOn(facts.row)
    act = rules.between_turns(facts, here, seen)
    if act is not None:
        return act
    return rules.begin(facts, here, facts.waiting) if facts.waiting is not None else _idle(facts, here, seen)


def _idle(facts: Facts, here: SessionFacts, seen: Observation) -> Act:
    """Sleep after `idle_secs` of rest; the helpers' records are read only when it seems to be due."""
    now = facts.now
    if facts.profile is None:
        return Rest(now + facts.timing.sleep.look)
    due = here.active + facts.profile.idle_secs
    if now < due:
        asks = blocked(seen, facts.now_ms) == BlockedReason.LOGIN  # then the next look asks its program again
        return Rest(min(due, here.login_due) if asks else due)
    if not here.listened:
        return Listen()
    return Park() if may_park(seen, facts.now_ms) else Rest(now + facts.timing.sleep.look)
