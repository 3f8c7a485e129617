"""The facts behind a worker's life: what its profile, the record and the last look say, for the pure decisions."""

from __future__ import annotations

from iapeer.actors.reaping import QUIET_S, SILENT_S, Bounds, End, Hold, Life, Stay, Take, arms, following
from iapeer.actors.station import Station
from iapeer.model.causes import ArmReason
from iapeer.model.holds import HoldCause
from iapeer.peers.profile import Profile
from iapeer.runtimes.adapter import Adapter
from iapeer.sessions.observation import Observation, background, works
from iapeer.store import ANSWER, ARMED, Row, Store


def is_worker(profile: Profile | None) -> bool:
    """Whether every message to the peer gets a fresh session of its own; not by a profile that cannot be read."""
    return profile is not None and profile.wake_policy == "ephemeral"


def bounds_of(profile: Profile | None, adapter: Adapter) -> Bounds:
    """How long its sessions may take; by default where the profile cannot be read now."""
    ends = any(record.event == "turn-end" for record in adapter.transcript.records)
    quiet = QUIET_S if ends else SILENT_S
    return Bounds(quiet, profile.unarmed_secs, profile.timeout_secs) if profile is not None else Bounds(quiet)


def next_of(at: Station, bounds: Bounds, waiting: Row | None, observation: Observation) -> Take | End | Stay:
    """What comes next in a session with nothing in flight; a person who is there holds what waits, part by part."""
    if has_done(at, observation):
        arm(at, ArmReason.TURN_END)
    life = life_of(at, observation)
    if at.held and not life.people:
        return Stay(at.now())  # first they are let in
    act = following(life, waiting is not None, bounds, at.now())
    if isinstance(act, Hold):
        at.held = True
        at.telling.holds.hold(at.identity, HoldCause.ATTACHED)
        return Stay(at.now())  # there may be more to hold
    silent = _silent_at(at, observation)
    return Stay(min(silent, act.until or silent)) if isinstance(act, Stay) and silent is not None else act


def let_in(at: Station) -> bool:
    """No person keeps tasks out any more: a part of them waits again; whether there may be more."""
    if not at.held:
        return False
    at.held = at.telling.holds.release(at.identity, HoldCause.ATTACHED) > 0
    return at.held


def life_of(at: Station, observation: Observation) -> Life:
    """The session as this look shows it."""
    store, running = at.context.store, at.live()
    new = running.fresh and observation.turn.opened == 0 and not store.activations.typed_before(running.id, "")
    armed = ARMED in store.flags.of(at.identity)
    return Life(new, armed, at.active, at.working, observation.people > 0)


def has_done(at: Station, observation: Observation) -> bool:
    """Whether the session has given what its last turn was for, by the turn's good end.

    Work that went on beside that end has a turn of its own soon after it is over, if it has one: between the two the
    agent looks idle.
    """
    turn = observation.turn
    beside = background(observation) or _silent_at(at, observation) is not None
    return arms(turn.outcome if not turn.open else None, at_rest=not works(observation), background=beside)


def _silent_at(at: Station, observation: Observation) -> float | None:
    """Until when a turn may follow of work that is over, and went on beside the last one; None: none is to come."""
    if at.rested is None or observation.turn.opened != at.outlasted or at.now() >= at.rested + SILENT_S:
        return None
    return at.rested + SILENT_S


def arm(at: Station, why: ArmReason) -> None:
    """The session has given what was wanted of it: it ends once it is quiet."""
    if at.context.store.flags.set(at.identity, at.personality, ARMED, why):
        at.active = at.now()


def has_given(at: Station, *, left: bool) -> bool:
    """Whether the session that is over had given what was wanted of it: its end is no failure then.

    `left`: its agent is known to have ended by itself, and in order; else that counts only with nothing in flight.
    """
    if ARMED in at.context.store.flags.of(at.identity) and (
        left or at.context.store.inbox.in_flight(at.identity) is None
    ):
        return True
    return left and at.worker and at.observation is not None and has_done(at, at.observation)


def asks_still(store: Store, identity: str, question: str) -> bool:
    """Whether the session of this identity that sent `question` lives."""
    last = store.sessions.last(identity)
    return last is not None and last.ended_ms is None and store.events.came_after(question, last)


def file_answer(at: Station, row: Row) -> bool:
    """An answer whose asker has ended is kept to be read; False when `row` is no such answer."""
    store = at.context.store
    if row.priority != ANSWER or (row.re is not None and asks_still(store, at.identity, row.re)):
        return False
    store.inbox.set_aside(row.message, "its asker has ended")
    return True
