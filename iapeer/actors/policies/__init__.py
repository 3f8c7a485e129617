"""What an identity does next: a pure function for each wake policy, from facts to one act. Here is what beats what."""

from __future__ import annotations

from iapeer.actors.acts import Act
from iapeer.actors.facts import Facts
from iapeer.actors.policies import rules, warm, worker


def next_act(facts: Facts) -> Act:
    """Return what comes next: by the rules that all share, then by the peer's wake policy."""
    here = facts.session
    if here is None:
        return rules.asleep(facts)
    seen = here.observation
    if seen is None:
        return rules.before_look(facts, here)
    policy = worker if facts.worker else warm
    return rules.after_look(facts, here, seen) or policy.next_act(facts, here, seen)
