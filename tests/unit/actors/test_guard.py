"""The guard: deaths of an identity, and for how long it is left down after them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer.actors.lifecycle.guard import DEATHS, LIMIT, Guard, is_death, recalled, words
from iapeer.model.timing import TIMING
from iapeer.store import SessionRecord
from tests.unit.store.samples import session

WAITS = TIMING.guard
DAY_MS = 86_400_000
BOOT = "this boot"
NOW, NOW_MS = 5000.0, 1_700_000_000_000

# (what happens: deaths at that second, sometimes (second, lived so long); how long it is left down after each)
HISTORIES = [
    ([0], [0]),
    ([0, 1], [0, 0]),
    ([0, 1, 2], [0, 0, 30]),
    ([0, 150, 300], [0, 0, 30]),
    ([0, 150, 301], [0, 0, 0]),
    ([0, 0, 0, 30, 90, 210, 450, 930, 1530, 2130], [0, 0, 30, 60, 120, 240, 480, 600, 600, 600]),
    # READY or not is nothing to it: it is how long it lived
    ([0, 0, 0, (329, 299)], [0, 0, 30, 60]),
    ([0, 0, 0, (330, 300)], [0, 0, 30, 0]),
    ([0, 1, (2, 300)], [0, 0, 0]),
    ([0, 1, (400, 300), 401, 402], [0, 0, 0, 0, 30]),
    # it was free for 300 s, and nothing died
    ([0, 0, 0, 330], [0, 0, 30, 60]),
    ([0, 0, 0, 331, 331, 331], [0, 0, 30, 0, 0, 30]),
]


@pytest.mark.parametrize(("deaths", "waits"), HISTORIES)
@pytest.mark.parametrize("zero", [0.0, 1e6])
def test_histories(deaths: list[int | tuple[int, int]], waits: list[int], zero: float) -> None:
    """Two deaths hold nothing up, the third within 300 s does, each further one for twice as long."""
    guard, seen = Guard(), []
    for death in deaths:
        at, lived = death if isinstance(death, tuple) else (death, 0)
        guard = guard.died(zero + at, lived, f"died at {at}", WAITS)
        seen.append(guard.left(zero + at))
        assert guard.holds(zero + at) == (seen[-1] > 0)
        assert not guard.holds(zero + at + seen[-1])
        assert guard.error == f"died at {at}"
    assert seen == waits


def test_failures_are_counted_on() -> None:
    """The number told is that of the deaths that count together."""
    guard, told = Guard(), []
    for at in (0, 1, 2, 32, 92, 1000):
        guard = guard.died(at, 0, "x", WAITS)
        told.append(guard.failures)
    assert told == [1, 2, 3, 4, 5, 1]
    assert (Guard().failures, Guard().left(0), Guard().holds(0)) == (0, 0, False)


steps = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 600)), max_size=40)  # (pause, life) until each death


@given(steps)
def test_whoever_waits_for_the_guard_is_never_left_down_long_nor_tried_often(lives: list[tuple[int, int]]) -> None:
    """Never longer than ten minutes after a death, and in no 300 s are there more than three deaths and one try."""
    guard, now = Guard(), 0.0
    deaths: list[float] = []
    for pause, life in lives:
        assert guard.left(now) <= WAITS.most
        born = now + guard.left(now) + pause
        assert not guard.holds(born)
        now = born + life
        before, guard = guard, guard.died(now, life, "x", WAITS)
        deaths.append(now)
        assert guard.left(now) in (0, *(min(WAITS.most, WAITS.first * 2**n) for n in range(10)))
        if life >= WAITS.window:
            assert (guard.failures, guard.holds(now)) == (1, False)
        elif before.waits and now - (before.backoff_until or 0) <= WAITS.window:
            assert guard.left(now) >= min(WAITS.most, 2 * WAITS.first)
    for first, last in zip(deaths, deaths[LIMIT + 2 :], strict=False):
        assert last - first >= WAITS.first + 2 * WAITS.first


@given(steps, st.integers(-100_000, 100_000))
def test_only_differences_of_time_matter(lives: list[tuple[int, int]], shift: int) -> None:
    """The same history at another time of the day is the same."""
    assert _story(lives, 0.0) == _story(lives, float(shift))


def _story(lives: list[tuple[int, int]], now: float) -> list[tuple[float, int]]:
    """(left down for so long, failures) after each death."""
    guard, seen = Guard(), []
    for pause, life in lives:
        now += pause + life
        guard = guard.died(now, life, "x", WAITS)
        seen.append((guard.left(now), guard.failures))
    return seen


# ---- what a new daemon knows


def _ended(ago_s: float, *, lived_s: float = 0.0, cause: str = "exit", **changes: object) -> SessionRecord:
    ended = NOW_MS - round(ago_s * 1000)
    began = ended - round(lived_s * 1000)
    fields = {"started_ms": began, "ended_ms": ended, "end_cause": cause, "boot_id": BOOT, **changes}
    return replace(session(), **fields)  # type: ignore[arg-type]


def _recalled(*sessions: SessionRecord) -> Guard:
    return recalled(sessions, BOOT, NOW, NOW_MS, WAITS)


def test_a_new_daemon_goes_on_where_the_dead_one_was() -> None:
    """Wait and count are as they would have been, doubled waits included."""
    ago = [930.0, 930.0, 930.0, 900.0, 840.0, 720.0, 480.0]
    guard = _recalled(*(_ended(one) for one in ago))
    assert (guard.failures, guard.left(NOW)) == (7, 0)
    assert guard.died(NOW, 0, "again", WAITS).left(NOW) == 600
    assert _recalled(_ended(9), _ended(8), _ended(7)).left(NOW) == 23
    assert not _recalled(_ended(9), _ended(8)).holds(NOW)


@pytest.mark.parametrize("cause", ["parked", "stop", "new", "reaped", "unarmed", "timeout", "fresh", "whatever comes"])
def test_what_was_decided_is_no_death(cause: str) -> None:
    """Policy ends never count; neither do they end the count."""
    assert cause not in DEATHS
    assert _recalled(*[_ended(1, cause=cause)] * 5) == Guard()
    mixed = [_ended(9), _ended(8, cause=cause), _ended(7, cause="lost"), _ended(6, cause="launch-failed")]
    assert _recalled(*mixed).left(NOW) == 24


def test_what_does_not_count() -> None:
    """Ends of before the host's boot, starts that failed before a person, open sessions, the future's."""
    for other in (
        _ended(1, boot_id="another"),
        replace(_ended(1), cause="folder-launch"),
        replace(_ended(1), ended_ms=None, end_cause=None),
        _ended(-10),
    ):
        assert not _recalled(*[other] * LIMIT).holds(NOW)
    assert not is_death(replace(_ended(1), cause="folder-launch"))
    assert is_death(replace(_ended(1), cause="folder-launch", ready_ms=NOW_MS))


def test_who_was_started_while_left_down_was_asked_for_by_a_person() -> None:
    """What was before is forgotten then, as the dead daemon forgot it."""
    deaths = [_ended(29), _ended(28), _ended(27)]
    assert _recalled(*deaths, _ended(9, lived_s=1)).failures == 1
    assert _recalled(*deaths, _ended(9, lived_s=1, cause="parked")).failures == 0
    assert _recalled(*deaths, _ended(9, lived_s=1)).left(NOW) == 0
    for asked in ("new", "folder-launch"):
        assert _recalled(*deaths[:2], replace(_ended(9, ready_ms=NOW_MS), cause=asked)).failures == 1


sessions = st.builds(
    lambda ago, lived, cause: _ended(ago, lived_s=lived, cause=cause),
    st.one_of(st.integers(-2, 700), st.integers(-10 * DAY_MS, 10 * DAY_MS)),
    st.integers(-1000, 1000),
    st.sampled_from(["exit", "lost", "launch-failed", "parked", "stop"]),
)


@given(st.lists(sessions, max_size=12), st.sampled_from([-DAY_MS, 0, DAY_MS]))
def test_no_record_and_no_clock_holds_anybody_longer_than_ten_minutes(ends: list[SessionRecord], jump: int) -> None:
    """Whatever the wall clock did between these ends and now."""
    assert recalled(ends, BOOT, NOW, NOW_MS + jump, WAITS).left(NOW) <= WAITS.most


def test_the_words_of_a_death() -> None:
    """The screen of who never took a message is quoted; that of others is not: it is between them and who wrote."""
    assert words(_ended(1, exit_code=7, last_screen="a\n\nfatal: no\n")) == (
        "the agent ended while starting (exit code 7): a / fatal: no"
    )
    assert words(_ended(1, signal=9, last_screen="secret", ready_ms=1)) == "the agent ended (signal 9)"
    assert words(_ended(1)) == "the agent ended while starting (cause unknown)"
