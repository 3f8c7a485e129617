"""Ids: UUIDv7."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from iapeer.model.ids import uuid7
from iapeer.testing.clock import ManualClock

MILLIS = st.integers(min_value=0, max_value=(1 << 47))


@given(MILLIS, MILLIS)
def test_ids_sort_by_time(one: int, other: int) -> None:
    """As text, over different milliseconds."""
    if one < other:
        assert uuid7((one + 0.5) / 1000) < uuid7((other + 0.5) / 1000)


def test_an_id_is_a_uuid_of_version_7() -> None:
    """Canonical text, right version and variant, and the time can be read back."""
    made = uuid.UUID(uuid7(1_700_000_000.25))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == 1_700_000_000_250


def test_ids_of_one_instant_differ() -> None:
    """74 random bits."""
    assert len({uuid7(1.0) for _ in range(1000)}) == 1000


def test_the_manual_clock_moves_when_told() -> None:
    """Both times together, and never by themselves."""
    clock = ManualClock(100.0)
    before = clock.monotonic()
    clock.advance(2.5)
    assert clock.wall() == 102.5
    assert clock.monotonic() - before == 2.5
