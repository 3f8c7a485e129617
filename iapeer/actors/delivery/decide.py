"""The decisions about a message that is in flight. Pure: from the row, a look at the session and the time, to one act.

The marks that tmux keeps (`Observation.pasted`, `Observation.submitted`) say what was really typed, so the same
function carries a delivery from its first byte and takes over one that a killed daemon left half done.
"""

from __future__ import annotations

from dataclasses import dataclass

from iapeer.actors.delivery.memory import Memory
from iapeer.actors.delivery.settle import Evidence, Trace
from iapeer.model.states import UNPROVEN, State
from iapeer.model.timing import DeliveryWaits
from iapeer.runtimes.records import Ending, Key, Turn
from iapeer.sessions.observation import Observation, blocked, busy, obstacle


@dataclass(frozen=True, slots=True)
class Paste:
    """The composer is free: paste."""


@dataclass(frozen=True, slots=True)
class Enter:
    """Our text stands in the composer: submit it, for the n-th time."""

    number: int


@dataclass(frozen=True, slots=True)
class Proven:
    """The agent's own record holds the message. `over`: the good end of its turn, where that is there as well.

    `attempt`: the earlier one that it holds; None: the one that was looked for.
    """

    over: Ending | None = None
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """Typed and not proven: stranded (still in the composer) or unknown."""

    state: State


@dataclass(frozen=True, slots=True)
class Over:
    """The activation is over, and is to be settled. `clear`: our text stands in the composer and is to be taken out."""

    evidence: Evidence
    clear: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until` (monotonic seconds; None: before something happens)."""

    until: float | None = None


Act = Paste | Enter | Proven | Doubt | Over | Wait


def delivery(
    state: State, key: Key, observation: Observation, memory: Memory, now: float, now_ms: int, waits: DeliveryWaits
) -> Act:
    """The next act for a row that is leased, stranded or unknown. `key` is (message id, attempt)."""
    if key in observation.turn.arrived:
        return Proven()
    refusal = dict(observation.turn.refused).get(key)
    if refusal is not None:
        return Over(Evidence(Trace.UNSEEN, refused=refusal), clear=observation.ours)
    if observation.pasted != memory.mark:
        late = late_attempt(key, observation.turn)
        if late is not None:
            return Proven(attempt=late)
        why = obstacle(observation, now_ms)
        return Over(untyped(why)) if why else Paste()
    if _taken_and_over(memory, now, waits):
        return Over(Evidence(Trace.CUT), clear=observation.ours)
    if memory.empty is not None and now >= memory.empty + waits.grace:
        return Over(Evidence(Trace.TAKEN_OUT))
    if _may_enter(observation, now_ms):
        due = _enter_due(memory, waits)
        if due is not None and now >= due:
            return Enter(memory.enters + 1)
        return _doubt(state, observation, memory, now, now_ms, waits, due)
    return _doubt(state, observation, memory, now, now_ms, waits, None)


def late_attempt(key: Key, told: Turn) -> int | None:
    """The last attempt before `key`'s that did enter a turn of this conversation, recorded late; None: none did."""
    message, attempt = key
    return max((number for other, number in told.arrived if other == message and number < attempt), default=None)


def at_once(state: State, key: Key, told: Turn) -> Act | None:
    """What the transcript alone decides, without a look at the screen; None when a look is needed."""
    ending = told.ending(key)
    done = ending if ending is not None and ending.outcome == "done" else None
    if state in UNPROVEN and key in told.arrived:
        return Proven(over=done)
    return Over(proven(done)) if done is not None and state is State.RUNNING else None


def turn(key: Key, observation: Observation, memory: Memory, now: float, waits: DeliveryWaits) -> Act:
    """The next act for a row whose message is in a turn."""
    ending = observation.turn.ending(key)
    if ending is not None:
        return Over(proven(ending), clear=observation.ours and ending.outcome == "interrupted")
    until = _contradicted(observation, memory, waits)
    if until is not None and now >= until:
        return Over(_unrecorded_end(observation), clear=observation.ours)
    return Wait(until)


def untyped(obstacle: str) -> Evidence:
    """Nothing of it was typed, for this reason."""
    return Evidence(Trace.UNTYPED, obstacle=obstacle)


def proven(ending: Ending) -> Evidence:
    """A turn whose end is on record."""
    return Evidence(Trace.PROVEN, ending, words=ending.words)


def _unrecorded_end(observation: Observation) -> Evidence:
    """A turn that is over and whose end is not on record; a text that was put back was not answered."""
    spoke = (observation.turn.answered or observation.hook_answer is not None) and not observation.ours
    return Evidence(Trace.PROVEN, spoke=spoke, words=observation.hook_answer or observation.turn.last_words)


def _contradicted(observation: Observation, memory: Memory, waits: DeliveryWaits) -> float | None:
    """When an open turn of an agent at rest counts as ended without a record; None while nothing contradicts it."""
    grace = waits.grace if observation.live is not None else waits.silence
    return None if memory.quiet is None else memory.quiet + grace


def _taken_and_over(memory: Memory, now: float, waits: DeliveryWaits) -> bool:
    """A turn began after our Enter and ended without leaving a record: someone interrupted it before its first word."""
    return memory.accepted and memory.quiet is not None and now >= memory.quiet + waits.grace


def _may_enter(observation: Observation, now_ms: int) -> bool:
    free = (
        observation.foreground
        and not observation.in_mode
        and not busy(observation)
        and blocked(observation, now_ms) is None
    )
    return free and observation.ours


def _enter_due(memory: Memory, waits: DeliveryWaits) -> float | None:
    if memory.accepted:
        return None
    if memory.entered is None:
        return (memory.pasted if memory.pasted is not None else memory.since) + waits.gap
    return memory.entered + waits.retry if memory.enters < waits.enters else None


def _doubt(
    state: State,
    observation: Observation,
    memory: Memory,
    now: float,
    now_ms: int,
    waits: DeliveryWaits,
    due: float | None,
) -> Act:
    """No proof yet: wait, say so, or give up."""
    given_up = now >= memory.since + waits.settle and not _is_anothers(observation, memory)
    if given_up and not busy(observation) and blocked(observation, now_ms) is None:
        return Over(Evidence(Trace.UNSEEN), clear=observation.ours)
    wanted = State.STRANDED if observation.ours else State.UNKNOWN
    over = memory.since + waits.proof
    if now >= over and state is not wanted:
        return Doubt(wanted)
    later = [over if now < over else memory.since + waits.settle]
    later += [due] if due is not None else []
    later += [since + waits.grace for since in (memory.quiet, memory.empty) if since is not None]
    upcoming = [when for when in later if when > now]
    return Wait(min(upcoming) if upcoming else None)


def _is_anothers(observation: Observation, memory: Memory) -> bool:
    """Whether somebody writes where our text stood, which was never submitted: it is theirs to finish."""
    return memory.shown and memory.entered is None and bool(observation.screen.composer) and not observation.ours
