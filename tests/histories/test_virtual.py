"""Histories of hours, in virtual time: whatever people, agents, time and bad luck do, the promises hold."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.histories.history import History, Op, ops

# IAPEER_HISTORIES=2000 plays so many others; without it the same ones are played every time.
MANY = int(os.environ.get("IAPEER_HISTORIES", "0"))
PLAYED = settings(
    max_examples=MANY or 60, derandomize=not MANY, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


def played(history: History, happens: list[Op]) -> None:
    """All of it, then quiet."""
    try:
        for op in happens:
            history.play(op)
        history.become_quiet()
    finally:
        history.close()


@PLAYED
@given(runtime=st.sampled_from(["fake", "mute"]), happens=st.lists(ops(), max_size=30))
def test_warm_peers(runtime: str, happens: list[Op]) -> None:
    """Two warm peers."""
    played(History({"ann": "fake", "bob": runtime}), happens)
