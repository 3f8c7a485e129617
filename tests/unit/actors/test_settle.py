"""What becomes of an activation that is over: the whole table, and what may never come of it."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer.actors.delivery.settle import (
    LEFT,
    TOO_LONG,
    Dead,
    Done,
    Evidence,
    Failed,
    NeedsInput,
    Outcome,
    Retry,
    Rules,
    Trace,
    settle,
)
from iapeer.model.states import FINAL, STEPS, State
from iapeer.runtimes.records import Ending
from iapeer.store import NewMessage, Row

UNSEEN, UNTYPED, TAKEN_OUT, CUT, PROVEN = map(
    Evidence, (Trace.UNSEEN, Trace.UNTYPED, Trace.TAKEN_OUT, Trace.CUT, Trace.PROVEN)
)
WARM, TASK = Rules(), Rules(again=True)
INTERRUPTED, LOST = Failed("interrupted", "interrupted"), Failed("session died (exit)", "session died (exit)")
HELLO = NewMessage("m1", "ann", "codex", "artificial", "bob", "claude-bob", "hello")


def _row(attempt: int = 1, state: State = State.RUNNING) -> Row:
    return replace(HELLO.row(1, state, 0), attempt=attempt)


def _ended(outcome: str | None, error: str | None = None, **changes: str) -> Evidence:
    """A turn with this end on record."""
    return replace(PROVEN, ending=Ending(outcome, error, "bye"), words="bye", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("evidence", "attempt", "outcome"),
    [
        (replace(UNTYPED, obstacle="draft"), 1, Retry("draft", used=False)),
        (replace(UNTYPED, died="exit"), 5, Retry("its session ended before it was typed", used=False)),
        (TAKEN_OUT, 4, Retry("somebody took it out of the composer")),
        (TAKEN_OUT, 5, Dead("typed 5 times, and each time somebody took it out of the composer")),
        (UNSEEN, 1, Dead("typed, and never seen in the agent's record")),
        (replace(UNSEEN, died="exit"), 4, Retry("its session ended without it")),
        (replace(UNSEEN, died="exit"), 5, Dead("typed in 5 sessions, and none of them took it")),
        (replace(UNSEEN, refused="no secrets"), 1, Failed("no secrets", "no secrets")),
        (replace(UNSEEN, refused="no secrets", died="exit"), 5, Failed("no secrets", "no secrets")),
        (CUT, 1, INTERRUPTED),
    ],
)
@pytest.mark.parametrize("rules", [WARM, TASK])
def test_without_proof(evidence: Evidence, attempt: int, outcome: Outcome, rules: Rules) -> None:
    """Not typed: as it was. Typed in vain: once more, in a session in which it is not; there is a last attempt."""
    assert settle([_row(attempt, State.LEASED)], evidence, rules) == outcome


@pytest.mark.parametrize(
    ("evidence", "outcome"),
    [
        (_ended("done"), Done(words="bye")),
        (_ended(None), Done(words="bye")),
        (_ended("interrupted"), INTERRUPTED),
        (_ended("error", "boom"), Failed("boom", "boom")),
        (_ended("error"), Failed("the agent reported an error", "the agent reported an error")),
        (PROVEN, INTERRUPTED),
        (replace(PROVEN, spoke=True, words="so"), Done(words="so")),
    ],
)
@pytest.mark.parametrize("rules", [WARM, TASK])
def test_in_a_session_that_lives(evidence: Evidence, outcome: Outcome, rules: Rules) -> None:
    """The turn's own end decides; where that is not on record, whether the agent gave its answer."""
    assert settle([_row()], evidence, rules) == outcome
    assert settle([_row(state=State.NEEDS_INPUT)], evidence, rules) == NeedsInput()


@pytest.mark.parametrize(
    ("evidence", "warm", "task"),
    [
        (_ended("done", died="exit"), Done(words="bye"), Done(words="bye")),
        (_ended("done", died="timeout"), Done(words="bye"), Done(words="bye")),
        (replace(PROVEN, spoke=True, words="so", died="exit"), Done(words="so"), Done(words="so")),
        (_ended("interrupted", died="exit"), INTERRUPTED, INTERRUPTED),
        (_ended("error", "boom", died="exit"), Failed("boom", "boom"), Failed("boom", "boom")),
        (_ended("error", "boom", died="timeout"), Failed(TOO_LONG, "timeout"), Failed(TOO_LONG, "timeout")),
        (replace(PROVEN, died="timeout"), Failed(TOO_LONG, "timeout"), Failed(TOO_LONG, "timeout")),
        (replace(PROVEN, died="exit"), LOST, Retry("session died (exit)")),
        (replace(PROVEN, died="exit", answered=True), LOST, Done(words="")),
        (
            replace(PROVEN, died="reaped"),
            Failed("session died (reaped)", "session died (reaped)"),
            Done(LEFT),
        ),
    ],
)
def test_in_a_session_that_died(evidence: Evidence, warm: Outcome, task: Outcome) -> None:
    """Over is over; what the death cut off fails, and a task comes back."""
    assert settle([_row()], evidence, WARM) == warm
    assert settle([_row()], evidence, TASK) == task


@pytest.mark.parametrize("evidence", [_ended("done", died="exit"), replace(PROVEN, died="exit")])
def test_a_question_whose_session_died(evidence: Evidence) -> None:
    """It is not answered by the end of the turn that asked it: a task asks again, another message failed."""
    asks = [_row(state=State.NEEDS_INPUT)]
    assert settle(asks, evidence, WARM) == LOST
    assert settle(asks, evidence, TASK) == Retry("session died (exit)")
    assert settle(asks, replace(evidence, answered=True), TASK) == Done(words=evidence.words)


@pytest.mark.parametrize(
    ("attempt", "died", "outcome"),
    [
        (2, "exit", Retry("session died (exit)")),
        (3, "exit", Dead("session died (exit), in each of 3 sessions")),
        (9, "stop", Retry("session died (stop)")),
        (9, "new", Retry("session died (new)")),
    ],
)
def test_how_often_a_task_comes_back(attempt: int, died: str, outcome: Outcome) -> None:
    """Twice after a death, always after an end that a person wanted."""
    assert settle([_row(attempt)], replace(PROVEN, died=died), TASK) == outcome


def test_rows_of_one_activation_go_the_same_way() -> None:
    """By the highest attempt among them."""
    assert settle([_row(1), _row(5)], TAKEN_OUT, WARM) == settle([_row(5)], TAKEN_OUT, WARM)


_AFTER = {Done: State.DONE, Retry: State.QUEUED, Failed: State.FAILED, Dead: State.DEAD}
endings = st.builds(
    Ending, st.sampled_from([None, "done", "interrupted", "error"]), st.sampled_from([None, "boom"]), st.just("bye")
)
deaths = st.sampled_from([None, "exit", "lost", "stop", "timeout", "reaped"])
evidences = st.builds(
    Evidence, st.sampled_from(Trace), st.none() | endings, st.booleans(), st.just("so"),
    st.sampled_from([None, "no secrets"]), st.none(), deaths, st.booleans(),
)  # fmt: skip
flying = st.sampled_from([State.LEASED, State.STRANDED, State.UNKNOWN, State.RUNNING, State.NEEDS_INPUT])


@given(evidences, st.integers(1, 9), flying, st.booleans())
def test_what_may_never_happen(evidence: Evidence, attempt: int, state: State, again: bool) -> None:
    """Whatever is known, of any row in flight."""
    outcome = settle([_row(attempt, state)], evidence, Rules(again=again))
    assert isinstance(outcome, get_args(Outcome))
    proven = evidence.trace is Trace.PROVEN
    if isinstance(outcome, Done):
        assert proven  # done is only what was in a turn
    if isinstance(outcome, NeedsInput):
        assert evidence.died is None and state is State.NEEDS_INPUT
    if isinstance(outcome, Retry):  # a body is typed once into a session: again only where it is not
        assert evidence.died is not None or evidence.trace in (Trace.UNTYPED, Trace.TAKEN_OUT)
        assert outcome.used == (evidence.trace is not Trace.UNTYPED)
    if proven and not isinstance(outcome, NeedsInput):
        steps = STEPS[State.RUNNING] if state is not State.NEEDS_INPUT else STEPS[State.NEEDS_INPUT] | {State.DONE}
        assert _AFTER[type(outcome)] in steps
    assert evidence.died is None or isinstance(outcome, Retry) or _AFTER[type(outcome)] in FINAL  # nothing is left
