"""The policy of an ephemeral worker: every task has a fresh session, which is ended once it has given its result.

An answer to its own question goes first into the session that asked, but keeps alive none that cannot take it.
"""

from __future__ import annotations

from iapeer.actors.acts import Act, Arm, GoOn, KeepOut, Reap, Rest
from iapeer.actors.facts import Facts, SessionFacts
from iapeer.actors.lifecycle import reap
from iapeer.actors.lifecycle.reap import Bounds, Life
from iapeer.actors.policies import rules
from iapeer.model.causes import ArmReason, EndCause
from iapeer.model.timing import WorkerWaits
from iapeer.peers.profile import Profile
from iapeer.runtimes.adapter import Adapter
from iapeer.sessions.observation import Observation, background, obstacle, works
from iapeer.store import ANSWER, ARMED, Row


def next_act(facts: Facts, here: SessionFacts, seen: Observation) -> Act:
    """Return what comes next after a look, where no rule of all policies applies: the first rule that does."""
    return (
        _in_flight(facts, here, seen)
        or rules.between_turns(facts, here, seen)
        or _has_given(facts, here, seen)
        or _answer(facts, here, seen)
        or _following(facts, here, seen, facts.waiting if _answer_of(facts) is None else None)
    )


def bounds_of(profile: Profile | None, adapter: Adapter, waits: WorkerWaits) -> Bounds:
    """How long its sessions may take; by default where the profile cannot be read now."""
    ends = any(record.event == "turn-end" for record in adapter.transcript.records)
    quiet = waits.quiet if ends else waits.silent
    return Bounds(quiet, profile.unarmed_secs, profile.timeout_secs) if profile is not None else Bounds(quiet)


def has_done(
    observation: Observation, outlasted: int | None, rested: float | None, now: float, waits: WorkerWaits
) -> bool:
    """Whether the session has given what its last turn was for, by the turn's good end.

    Work that went on beside that end has a turn of its own soon after it is over, if it has one: between the two the
    agent looks idle. `outlasted`, `rested`: see SessionFacts.
    """
    turn = observation.turn
    beside = background(observation) or _silent_until(observation, outlasted, rested, now, waits) is not None
    return reap.arms(turn.outcome if not turn.open else None, at_rest=not works(observation), background=beside)


def _silent_until(
    observation: Observation, outlasted: int | None, rested: float | None, now: float, waits: WorkerWaits
) -> float | None:
    """Until when a turn may follow of work that is over, and went on beside the last one; None: none is to come."""
    if rested is None or observation.turn.opened != outlasted or now >= rested + waits.silent:
        return None
    return rested + waits.silent


def _in_flight(facts: Facts, here: SessionFacts, seen: Observation) -> Act | None:
    """A turn that takes too long is ended, unless a person is there."""
    if facts.row is None:
        return None
    working = here.working if not seen.people else None
    due = reap.overdue(working, bounds_of(facts.profile, here.adapter, facts.timing.worker))
    return Reap(EndCause.TIMEOUT) if due is not None and facts.now >= due else GoOn(facts.row, due)


def _has_given(facts: Facts, here: SessionFacts, seen: Observation) -> Act | None:
    done = has_done(seen, here.outlasted, here.rested, facts.now, facts.timing.worker)
    return Arm(ArmReason.TURN_END) if done and ARMED not in here.flags else None


def _answer_of(facts: Facts) -> Row | None:
    return facts.waiting if facts.waiting is not None and facts.waiting.priority == ANSWER else None


def _answer(facts: Facts, here: SessionFacts, seen: Observation) -> Act | None:
    answer = _answer_of(facts)
    if answer is None:
        return None
    otherwise = _following(facts, here, seen, None)
    if isinstance(otherwise, Reap) and obstacle(seen, facts.now_ms) is not None:
        return None
    return rules.begin(facts, here, answer, otherwise.until if isinstance(otherwise, Rest) else None)


def _following(facts: Facts, here: SessionFacts, seen: Observation, task: Row | None) -> Act:
    """Take the task, keep it out, end, or stay."""
    bounds = bounds_of(facts.profile, here.adapter, facts.timing.worker)
    match reap.following(_life(here, seen), task is not None, bounds, facts.now):
        case reap.Take() if task is not None:
            return rules.begin(facts, here, task)
        case reap.Hold():
            return KeepOut()
        case reap.End(cause):
            return Reap(cause)
        case reap.Stay(until):
            silent = _silent_until(seen, here.outlasted, here.rested, facts.now, facts.timing.worker)
            return Rest(until if silent is None else min(silent, until or silent))
    raise AssertionError("a task is taken that is not there")


def _life(here: SessionFacts, seen: Observation) -> Life:
    unused = here.fresh and seen.turn.opened == 0 and not here.used
    return Life(unused, ARMED in here.flags, here.active, here.working, seen.people > 0)
