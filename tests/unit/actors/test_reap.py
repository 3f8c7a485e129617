"""A worker's life, rule by rule."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer.actors.lifecycle.reap import (
    Bounds,
    End,
    Hold,
    Life,
    Next,
    Stay,
    Take,
    arms,
    following,
    overdue,
)
from iapeer.model.causes import EndCause

BOUNDS = Bounds(quiet=2.0, unarmed=600.0, turn=60.0)
NEW = Life(unused=True, armed=False, active=100.0)
USED = replace(NEW, unused=False)
ARMED = replace(USED, armed=True)


@pytest.mark.parametrize(
    ("life", "waiting", "now", "then"),
    [
        (NEW, True, 100.0, Take()),
        (NEW, False, 100.0, Stay(700.0)),
        (NEW, False, 700.0, End(EndCause.UNARMED)),
        (NEW, True, 800.0, Take()),  # a task is better than an end
        (USED, True, 101.0, Stay(700.0)),  # an error is no arm: its session waits to be gone on with
        (USED, True, 700.0, End(EndCause.UNARMED)),
        (ARMED, True, 101.9, Stay(102.0)),
        (ARMED, False, 102.0, End(EndCause.REAPED)),
        (replace(ARMED, active=101.5), True, 102.0, Stay(103.5)),  # activity restarts the window
        (replace(NEW, armed=True), True, 102.0, End(EndCause.REAPED)),
        (replace(ARMED, working=101.0), True, 150.0, Stay(161.0)),
        (replace(ARMED, working=101.0), True, 161.0, End(EndCause.TIMEOUT)),
        (replace(USED, working=101.0), False, 1e6, End(EndCause.TIMEOUT)),
        (replace(ARMED, people=True), True, 1e6, Hold()),
        (replace(NEW, people=True), True, 1e6, Hold()),
        (replace(ARMED, people=True), False, 1e6, Stay()),
        (replace(ARMED, people=True, working=0.0), False, 1e6, Stay()),  # not even for its time: a person is there
    ],
)
def test_the_rules(life: Life, waiting: bool, now: float, then: Next) -> None:
    assert following(life, waiting, BOUNDS, now) == then


def test_a_turn_without_a_bound_is_never_overdue() -> None:
    """`timeout_secs` is not given."""
    life = replace(USED, working=0.0)
    assert following(life, True, replace(BOUNDS, turn=None), 1e9) == Stay()
    assert (overdue(None, BOUNDS), overdue(5.0, BOUNDS)) == (None, 65.0)


@pytest.mark.parametrize(
    ("outcome", "at_rest", "background", "armed"),
    [
        ("done", True, False, True),
        ("done", False, False, False),
        ("done", True, True, False),
        ("error", True, False, False),
        ("interrupted", True, False, False),
        (None, True, False, False),
    ],
)
def test_what_arms(outcome: str | None, at_rest: bool, background: bool, armed: bool) -> None:
    """A good end with nothing beside it; an error or an interrupt is an outcome, not an arm."""
    assert arms(outcome, at_rest=at_rest, background=background) is armed


_TIMES = st.floats(0, 1e6)
_LIVES = st.builds(Life, st.booleans(), st.booleans(), _TIMES, st.none() | _TIMES, st.booleans())


@given(_LIVES, st.booleans(), _TIMES)
def test_nobody_is_cut_off_and_nobody_waits_for_ever(life: Life, waiting: bool, now: float) -> None:
    """An end needs that no person is there, and a closed turn but for its time; without a person the end comes."""
    act = following(life, waiting, BOUNDS, now)
    if isinstance(act, End):
        assert not life.people
        assert (act.cause == EndCause.TIMEOUT) is (life.working is not None)
        assert act.cause != EndCause.REAPED or life.armed
    if isinstance(act, Take):
        assert life.unused
        assert waiting
        assert not life.armed
        assert not life.people
        assert life.working is None
    if isinstance(act, Stay) and not life.people:
        assert act.until is not None
        assert act.until > now
        assert isinstance(following(life, waiting, BOUNDS, act.until), End)
