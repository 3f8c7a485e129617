"""What a message counts as between two peers, and when it may go without looping."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer.model.exchange import Asked, Effect, effect, free_at

WORK, INFORMS, HEARD = Effect("work", True), Effect("result", False), Effect("result", True)
ANSWER = Effect("result", True, answers=True)
A_TO_B, B_TO_A, A_TO_C = Asked("a", "b", "work"), Asked("b", "a", "work"), Asked("a", "c", "work")
RESULT = Asked("a", "b", "result")


@pytest.mark.parametrize(
    ("asked", "asks", "natural", "counts"),
    [
        (None, False, False, WORK),
        (None, True, False, WORK),
        (None, False, True, WORK),
        (A_TO_B, False, False, ANSWER),  # b answers a's question
        (A_TO_B, False, True, ANSWER),
        (A_TO_B, True, False, WORK),  # b asks back
        (A_TO_B, True, True, WORK),
        (B_TO_A, False, False, WORK),  # b names its own message: more of the same
        (A_TO_C, False, False, WORK),  # b was never asked
        (RESULT, False, False, INFORMS),  # thanks
        (RESULT, False, True, HEARD),  # a person's thanks
        (RESULT, True, False, WORK),  # a new question about an answer
        (Asked("c", "d", "result"), False, False, INFORMS),
    ],
)
def test_what_b_sends_to_a_counts_as(asked: Asked | None, asks: bool, natural: bool, counts: Effect) -> None:
    """Work wakes; a result wakes only who asked, or when a person sends it; what asks is work."""
    assert effect("b", "a", asked, asks=asks, natural=natural) == counts


def _schedule(sends: list[tuple[bool, int]], limit: int, window: int) -> tuple[list[tuple[str, int]], list[int]]:
    """((sender, when it goes) of every message in turn, when each was accepted), as the daemon would have it."""
    turns: list[tuple[str, int]] = []
    accepted, now = [], 1_000
    for mine, later in sends:
        now += later
        sender = "a" if mine else "b"
        turns.append((sender, free_at(sorted(turns, key=lambda turn: turn[1]), sender, now, limit, window)))
        accepted.append(now)
    return turns, accepted


def _changes(senders: list[str]) -> int:
    return sum(one != other for one, other in pairwise(senders))


SENDS = st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=60)


@given(SENDS, st.integers(1, 6), st.integers(1, 100))
def test_no_window_holds_more_changes_than_allowed(sends: list[tuple[bool, int]], limit: int, window: int) -> None:
    """Whatever the two send: in every stretch of that length they change sides so often at most."""
    turns, _ = _schedule(sends, limit, window)
    for _, start in turns:
        assert _changes([who for who, when in turns if start <= when < start + window]) <= limit


@given(SENDS, st.integers(1, 6), st.integers(1, 100))
def test_what_is_held_keeps_its_order(sends: list[tuple[bool, int]], limit: int, window: int) -> None:
    """Nothing goes before it was accepted, nor before what came earlier."""
    turns, accepted = _schedule(sends, limit, window)
    times = [when for _, when in turns]
    assert times == sorted(times)
    assert all(when >= there for when, there in zip(times, accepted, strict=True))


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 6), st.integers(1, 100))
def test_below_the_limit_nothing_waits(gaps: list[int], limit: int, window: int) -> None:
    """One side alone is never held, nor are the two while they change sides no more often than allowed."""
    alone, accepted = _schedule([(True, gap) for gap in gaps], limit, window)
    assert [when for _, when in alone] == accepted
    few, accepted = _schedule([(number % 2 == 0, gap) for number, gap in enumerate(gaps[: limit + 1])], limit, window)
    assert [when for _, when in few] == accepted


@pytest.mark.parametrize("limit", [1, 6])
def test_the_first_change_too_many_waits_for_the_window(limit: int) -> None:
    """It goes when the first of the changes is a window old, and the next ones follow one by one."""
    turns, _ = _schedule([(number % 2 == 0, 1) for number in range(limit + 4)], limit, 100)
    times = [when for _, when in turns]
    assert times[: limit + 1] == list(range(1_001, 1_002 + limit))
    assert times[limit + 1 :] == [when + 100 for when in times[:3]]
