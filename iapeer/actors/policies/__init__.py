"""What an identity does next: a pure function for each wake policy, from facts to one act. Here is what beats what."""

from __future__ import annotations

from iapeer.actors.acts import Act
from iapeer.actors.facts import Facts
from iapeer.actors.policies import warm, worker


def next_act(facts: Facts) -> Act:
    """Return what comes next, by the peer's wake policy."""
    return worker.next_act(facts) if facts.worker else warm.next_act(facts)
