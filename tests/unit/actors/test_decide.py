"""The decisions about a message in flight: a table of situations, whole histories, and what may never happen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from iapeer.actors.delivery.decide import Act, Doubt, Enter, Over, Paste, Proven, Wait, delivery, turn, untyped
from iapeer.actors.delivery.memory import Memory, remember
from iapeer.actors.delivery.settle import Evidence, Trace
from iapeer.model.states import State
from iapeer.model.timing import DeliveryWaits
from iapeer.runtimes.livestate import Live
from iapeer.runtimes.records import Ending, Key, Turn
from iapeer.sessions.observation import UNTOLD_LIMIT_MS, Observation, blocked, busy, obstacle
from tests.unit.actors.observations import (
    ARRIVED,
    BUSY,
    IDLE,
    KEY,
    MARK,
    NOW_MS,
    OPEN,
    WAITING,
    observation,
    observations,
    view,
)

L = DeliveryWaits(gap=0.3, retry=1.5, enters=3, proof=10.0, settle=120.0, grace=1.5)
T0 = 1000.0
QUOTA = Turn(outcome="error", reason="quota", reset=NOW_MS // 1000 + 60)


def _memory(**changes: object) -> Memory:
    return replace(Memory(MARK, since=T0, pasted=T0), **changes)  # type: ignore[arg-type]


def _act(state: State, seen: Observation, memory: Memory | None = None, after: float = 0.0) -> Act:
    return delivery(state, KEY, seen, memory or _memory(), T0 + after, NOW_MS, L)


def _ended(outcome: str, error: str | None = None, *, clear: bool = False) -> Over:
    """A turn with this end on record, and no words."""
    return Over(Evidence(Trace.PROVEN, Ending(outcome, error, "")), clear)


FRESH = _memory(pasted=None)
ENTERED = _memory(entered=T0 + 0.3, enters=1)
OURS = {"pasted": MARK, "ours": True, "screen": view("tail")}


@pytest.mark.parametrize(
    ("seen", "act"),
    [
        (observation(), Paste()),
        (observation(pasted="m0:1"), Paste()),
        (observation(live=None), Paste()),
        (observation(live=Live("background")), Paste()),
        (observation(live=None, recorded=False), Paste()),
        (observation(live=IDLE, turn=OPEN), Paste()),
        (observation(foreground=False), Over(untyped("not-the-agent"))),
        (observation(live=BUSY), Over(untyped("busy"))),
        (observation(live=None, turn=OPEN), Over(untyped("busy"))),
        (observation(live=None, recorded=False, screen=view(busy=True)), Over(untyped("busy"))),
        (observation(live=WAITING), Over(untyped("dialog"))),
        (observation(live=None, screen=view(None, dialog=True)), Over(untyped("dialog"))),
        (observation(screen=view(None, dialog=True)), Over(untyped("dialog"))),
        (observation(screen=view(blocked="login")), Over(untyped("login"))),
        (observation(turn=QUOTA), Over(untyped("quota"))),
        (observation(screen=view("a draft")), Over(untyped("draft"))),
        (observation(screen=view(None)), Over(untyped("no-composer"))),
        (observation(in_mode=True), Over(untyped("copy-mode"))),
    ],
)
def test_nothing_typed_yet(seen: Observation, act: Act) -> None:
    """The composer is free: paste. Anything in the way: the row waits again, and says why."""
    assert _act(State.LEASED, seen, FRESH) == act


@pytest.mark.parametrize(
    ("seen", "memory", "after", "act"),
    [
        (observation(**OURS), _memory(), 0.1, Wait(T0 + 0.3)),
        (observation(**OURS), _memory(), 0.31, Enter(1)),
        (observation(**OURS), ENTERED, 1.0, Wait(T0 + 1.8)),
        (observation(**OURS), ENTERED, 1.81, Enter(2)),
        (observation(**OURS), _memory(entered=T0 + 2, enters=2), 3.51, Enter(3)),
        (observation(**OURS), _memory(entered=T0 + 4, enters=3), 9.0, Wait(T0 + 10)),
        (observation(**OURS), _memory(entered=T0 + 4, enters=3), 10.0, Doubt(State.STRANDED)),
        (observation(pasted=MARK), ENTERED, 2.0, Wait(T0 + 10)),
        (observation(pasted=MARK), ENTERED, 10.0, Doubt(State.UNKNOWN)),
        (observation(pasted=MARK, live=BUSY), ENTERED, 500.0, Doubt(State.UNKNOWN)),
        (observation(pasted=MARK), _memory(), 5.0, Wait(T0 + 10)),
        (observation(**OURS, live=BUSY), _memory(), 5.0, Wait(T0 + 10)),
        (observation(**OURS, live=WAITING), _memory(), 5.0, Wait(T0 + 10)),
        (observation(**OURS, in_mode=True), _memory(), 5.0, Wait(T0 + 10)),
        (observation(**OURS, foreground=False), _memory(), 5.0, Wait(T0 + 10)),
        (observation(**OURS), replace(ENTERED, accepted=True), 5.0, Wait(T0 + 10)),
        (observation(pasted=MARK, screen=view("a draft")), _memory(), 5.0, Wait(T0 + 10)),
        (observation(pasted=MARK, turn=Turn(arrived=ARRIVED)), ENTERED, 1.0, Proven()),
        (observation(turn=Turn(arrived=ARRIVED)), _memory(), 0.0, Proven()),
        (observation(pasted=MARK, turn=Turn(arrived=frozenset({("m1", 2)}))), ENTERED, 1.0, Wait(T0 + 10)),
        (observation(pasted=MARK), ENTERED, 119.9, Doubt(State.UNKNOWN)),
        (observation(pasted=MARK), ENTERED, 120.0, Over(Evidence(Trace.UNSEEN))),
    ],
)
def test_typed(seen: Observation, memory: Memory, after: float, act: Act) -> None:
    """Enter only on ours, after the gap, bounded; then doubt; the record alone proves."""
    assert _act(State.LEASED, seen, memory, after) == act


@pytest.mark.parametrize(
    ("arrived", "act"),
    [
        ({("m1", 1)}, Proven(attempt=1)),
        ({("m1", 1), ("m1", 2)}, Proven(attempt=2)),
        ({("m1", 1), ("m1", 3)}, Proven()),
        ({("m1", 4), ("m2", 1)}, Paste()),
    ],
)
def test_a_late_record_of_an_earlier_attempt(arrived: set[Key], act: Act) -> None:
    """What is in a turn is not typed once more; once it was typed again, only its own record counts."""
    turn = Turn(arrived=frozenset(arrived))
    memory = _memory(mark="m1:3", pasted=None)
    assert delivery(State.LEASED, ("m1", 3), observation(turn=turn), memory, T0, NOW_MS, L) == act
    typed = delivery(State.LEASED, ("m1", 3), observation(turn=turn, pasted="m1:3"), memory, T0, NOW_MS, L)
    assert typed == (Proven() if act == Proven() else Wait(T0 + 10))


def test_a_refused_prompt_fails_with_its_reason() -> None:
    """A rule of the user's kept it from the model: at once; what was put back is ours to take out. Proof wins."""
    refused = Turn(refused=((KEY, "no secrets"),))
    for state in (State.LEASED, State.UNKNOWN):
        assert _act(state, observation(pasted=MARK, turn=refused), ENTERED, 1.0) == Over(
            Evidence(Trace.UNSEEN, refused="no secrets")
        )
    assert _act(State.LEASED, observation(**OURS, turn=refused), ENTERED, 1.0) == Over(
        Evidence(Trace.UNSEEN, refused="no secrets"), clear=True
    )
    other = Turn(refused=((("m1", 2), "no secrets"),))
    assert _act(State.LEASED, observation(pasted=MARK, turn=other), ENTERED, 1.0) == Wait(T0 + 10)
    assert _act(State.LEASED, observation(turn=replace(refused, arrived=ARRIVED)), ENTERED, 1.0) == Proven()


@pytest.mark.parametrize(
    ("seen", "act"),
    [
        (observation(turn=OPEN), Over(Evidence(Trace.PROVEN))),
        (observation(turn=replace(OPEN, answered=True, said="a")), Over(Evidence(Trace.PROVEN, spoke=True, words="a"))),
        (observation(turn=OPEN, hook_answer="h"), Over(Evidence(Trace.PROVEN, spoke=True, words="h"))),
        (observation(turn=OPEN, hook_answer=""), Over(Evidence(Trace.PROVEN, spoke=True))),
        (observation(turn=replace(OPEN, answered=True), ours=True), Over(Evidence(Trace.PROVEN), clear=True)),
    ],
)
def test_an_end_that_is_not_on_record_is_told_by_the_answer(seen: Observation, act: Act) -> None:
    """Idle for the grace with the turn open: an interrupt leaves no answer, a late or lost record does."""
    memory = remember(ENTERED, seen, T0)
    assert turn(KEY, seen, memory, T0 + 1.4, L) == Wait(T0 + 1.5)
    assert turn(KEY, seen, memory, T0 + 1.5, L) == act
    at_work = replace(seen, live=BUSY)
    assert turn(KEY, at_work, remember(memory, at_work, T0 + 1), T0 + 9, L) == Wait(None)


LIMITED = Turn(outcome="error", reason="quota", closed=NOW_MS - 1000)


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (observation(turn=LIMITED), "quota"),
        (observation(turn=replace(LIMITED, closed=NOW_MS - UNTOLD_LIMIT_MS)), None),
        (observation(turn=replace(LIMITED, reset=NOW_MS // 1000 - 1)), None),
        (observation(live=Live("waiting", "question"), screen=view(None, blocked="quota")), "quota"),
        (observation(turn=Turn(outcome="error", reason="login"), logged_in=False), "login"),
        (observation(turn=Turn(outcome="error", reason="login"), logged_in=True), None),
        (observation(turn=Turn(outcome="error", reason="login")), None),
        (observation(screen=view(blocked="login")), "login"),
        (observation(screen=view(blocked="login"), logged_in=False), "login"),
        (observation(screen=view(blocked="login"), logged_in=True), None),
        (observation(live=Live("waiting", "question"), screen=view(None, blocked="login"), logged_in=True), "login"),
    ],
)
def test_limits_and_logins_block(seen: Observation, why: str | None) -> None:
    """A limit until its reset, or for a while where that is not told; a missing login by the program's own word. The
    login menu itself is a dialog."""
    assert blocked(seen, NOW_MS) == why


def test_doubt_is_told_once_and_changes_with_the_composer() -> None:
    """Stranded while ours stands there, unknown otherwise; a state that is told already is not told again."""
    spent = _memory(entered=T0 + 4, enters=3)
    assert _act(State.STRANDED, observation(**OURS), spent, 20) == Wait(T0 + 120)
    assert _act(State.STRANDED, observation(pasted=MARK), spent, 20) == Doubt(State.UNKNOWN)
    assert _act(State.UNKNOWN, observation(**OURS), spent, 20) == Doubt(State.STRANDED)
    assert _act(State.UNKNOWN, observation(pasted=MARK, turn=Turn(arrived=ARRIVED)), spent, 20) == Proven()
    gone = _act(State.STRANDED, observation(**OURS), spent, 120)
    assert gone == Over(Evidence(Trace.UNSEEN), clear=True)


def test_a_turn_that_left_no_record_is_interrupted() -> None:
    """Seen at work after our Enter, then idle without a record for the grace: someone cut it before its first word."""
    memory = remember(ENTERED, observation(pasted=MARK, live=BUSY), T0 + 1)
    assert memory.accepted
    memory = remember(memory, observation(pasted=MARK), T0 + 2)
    assert memory.quiet == T0 + 2
    assert _act(State.LEASED, observation(pasted=MARK), memory, 3.4) == Wait(T0 + 3.5)
    assert _act(State.LEASED, observation(pasted=MARK), memory, 3.5) == Over(Evidence(Trace.CUT))
    assert _act(State.LEASED, observation(**OURS), memory, 3.5) == Over(Evidence(Trace.CUT), clear=True)
    again = remember(memory, observation(pasted=MARK, live=BUSY), T0 + 3)
    assert again.quiet is None


@pytest.mark.parametrize(
    ("seen", "memory", "act"),
    [
        (observation(turn=OPEN, live=BUSY), _memory(), Wait(None)),
        (observation(turn=OPEN), _memory(quiet=T0 - 1), Wait(T0 + 0.5)),
        (observation(turn=OPEN), _memory(quiet=T0 - 1.5), Over(Evidence(Trace.PROVEN))),
        (observation(turn=Turn(outcome="done")), _memory(), _ended("done")),
        (observation(turn=Turn(outcome="done"), live=BUSY), _memory(), _ended("done")),
        (observation(turn=Turn(outcome="interrupted")), _memory(), _ended("interrupted")),
        (observation(turn=Turn(outcome="interrupted"), ours=True), _memory(), _ended("interrupted", clear=True)),
        (observation(turn=Turn(outcome="error", error="boom")), _memory(), _ended("error", "boom")),
        (observation(turn=Turn(outcome="error")), _memory(), _ended("error")),
    ],
)
def test_in_a_turn(seen: Observation, memory: Memory, act: Act) -> None:
    """The turn's own end decides; a live state that contradicts an open record does after the grace."""
    assert turn(KEY, seen, memory, T0, L) == act


def test_a_whole_delivery() -> None:
    """From the free composer to the end of the turn, one Enter swallowed."""
    memory, acts = FRESH, []
    for after, seen in (
        (0.0, observation()),
        (0.1, observation(**OURS)),
        (0.4, observation(**OURS)),
        (1.0, observation(**OURS)),
        (1.9, observation(**OURS)),
        (2.0, observation(pasted=MARK, live=BUSY)),
        (2.1, observation(pasted=MARK, live=BUSY, turn=Turn(open=True, arrived=ARRIVED))),
    ):
        memory = remember(memory, seen, T0 + after)
        act = _act(State.LEASED, seen, memory, after)
        acts.append(act)
        if isinstance(act, Paste):
            memory = replace(memory, pasted=T0 + after)
        if isinstance(act, Enter):
            memory = replace(memory, entered=T0 + after, enters=act.number)
    assert acts == [Paste(), Wait(T0 + 0.3), Enter(1), Wait(T0 + 1.9), Enter(2), Wait(T0 + 10), Proven()]


def test_a_delivery_that_is_taken_over_is_not_typed_again() -> None:
    """A new daemon knows from tmux's mark that it was pasted: it goes on with Enter, or with waiting for the proof."""
    pasted = Memory(MARK, since=T0, pasted=T0)
    assert _act(State.LEASED, observation(**OURS), pasted, 0.3) == Enter(1)
    entered = Memory(MARK, since=T0, pasted=T0, entered=T0, enters=1)
    assert _act(State.LEASED, observation(pasted=MARK, live=BUSY), entered, 0.3) == Wait(T0 + 10)
    assert _act(State.LEASED, observation(pasted=MARK, turn=Turn(arrived=ARRIVED)), entered) == Proven()


memories = st.builds(
    Memory,
    mark=st.just(MARK),
    since=st.just(T0),
    pasted=st.sampled_from([None, T0]),
    entered=st.sampled_from([None, T0 + 0.3, T0 + 5]),
    enters=st.integers(0, 4),
    quiet=st.sampled_from([None, T0, T0 + 6]),
    accepted=st.booleans(),
)
states = st.sampled_from([State.LEASED, State.STRANDED, State.UNKNOWN])
afters = st.floats(0, 300)


@settings(max_examples=400)
@given(states, observations, memories, afters)
@example(State.LEASED, observation(pasted=MARK), Memory(MARK, T0), 0.0)
def test_what_may_never_happen(state: State, seen: Observation, memory: Memory, after: float) -> None:
    """Whatever is seen and remembered, in any state."""
    act = delivery(state, KEY, seen, memory, T0 + after, NOW_MS, L)
    proven = KEY in seen.turn.arrived
    assert isinstance(act, Proven) == proven  # exactly this message and this attempt, and then always
    if isinstance(act, Paste):
        assert seen.pasted != MARK  # never twice in a session
        assert obstacle(seen, NOW_MS) is None
    if isinstance(act, Over) and act.evidence.trace is Trace.UNTYPED:
        assert seen.pasted != MARK  # what was typed does not wait as if it were not
    if isinstance(act, Enter):
        assert seen.ours
        assert seen.pasted == MARK
        assert not busy(seen)
        assert blocked(seen, NOW_MS) is None
        assert not seen.in_mode
        assert seen.foreground
        assert not memory.accepted
        assert act.number == memory.enters + 1
        assert act.number <= L.enters or memory.entered is None
        assert after >= L.gap or memory.pasted is None or memory.entered is not None
    if isinstance(act, Over) and act.evidence == Evidence(Trace.UNSEEN):
        assert after >= L.settle
        assert not busy(seen)
    if isinstance(act, Over) and act.evidence.trace in (Trace.UNSEEN, Trace.CUT):
        assert act.clear == seen.ours
    if isinstance(act, Doubt):
        assert after >= L.proof
        assert act.state is not state
    if isinstance(act, Wait) and act.until is not None:
        assert act.until > T0 + after


@given(st.lists(st.tuples(observations, st.floats(0, 5)), max_size=12))
def test_what_was_accepted_stays_accepted(history: list[tuple[Observation, float]]) -> None:
    """Once the agent was seen at work after our Enter, no later look makes us press it again."""
    memory, now = ENTERED, T0
    accepted = False
    for seen, step in history:
        now += step
        memory = remember(memory, seen, now)
        accepted |= seen.live is not None and seen.live.status == "busy"
        assert memory.accepted == accepted
        if accepted:
            assert not isinstance(delivery(State.LEASED, KEY, seen, memory, now, NOW_MS, L), Enter)
        if memory.quiet is not None:
            assert memory.quiet <= now
