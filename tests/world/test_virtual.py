"""Histories of hours, in virtual time: whatever people, agents, time and bad luck do, the promises hold.

Each is made from a number and always the same. IAPEER_HISTORIES=1067 plays that one of each kind, and
IAPEER_HISTORIES=1000:3000 plays those; a failure says which it was, and what is left of it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.world.history import History, Op, played, seeded

RUNTIMES = ("fake", "mute")
WORKER = {"wake_policy": "ephemeral", "unarmed_secs": 120, "timeout_secs": 500}
Kind = Callable[[int], History]


def _asked() -> range:
    first, _, end = os.environ.get("IAPEER_HISTORIES", "0:100").partition(":")
    return range(int(first), int(end or int(first) + 1))


SEEDS = _asked()
chunked = pytest.mark.parametrize(
    "seeds", [SEEDS[at : at + 25] for at in range(0, len(SEEDS), 25)], ids=lambda seeds: f"from-{seeds.start}"
)


def warm(seed: int) -> History:
    """Two warm peers."""
    return History({"ann": "fake", "bob": RUNTIMES[seed % 2]})


def workers(seed: int) -> History:
    """One works on tasks, each in a session of its own; who asks it may be another such."""
    asker: dict[str, Any] = WORKER if seed % 4 > 1 else {}
    return History({"ann": "fake", "bob": RUNTIMES[seed % 2]}, {"ann": asker, "bob": WORKER})


@chunked
def test_warm_peers(seeds: range) -> None:
    """They sleep, are woken, and talk."""
    _play(warm, seeds)


@chunked
def test_workers(seeds: range) -> None:
    """Every task has its session."""
    _play(workers, seeds)


def _play(kind: Kind, seeds: range) -> None:
    for seed in seeds:
        happens = seeded(seed, 4 * (1 + seed % 7))
        try:
            played(kind(seed), happens)
        except BaseException as error:
            error.add_note(
                f"history {seed} of {kind.__name__}: replay it with IAPEER_HISTORIES={seed} pytest "
                f"tests/world/test_virtual.py -k {kind.__name__}; this much of it is enough, "
                f"with {kind.__name__}({seed}):\n" + "\n".join(map(str, _enough(kind, seed, happens)))
            )
            raise


def _enough(kind: Kind, seed: int, happens: list[Op]) -> list[Op]:
    """Leave out, from the last to the first, what is not needed to break a promise."""
    for at in reversed(range(len(happens))):
        fewer = happens[:at] + happens[at + 1 :]
        if _breaks(kind(seed), fewer):
            happens = fewer
    return happens


def _breaks(history: History, happens: list[Op]) -> bool:
    with contextlib.suppress(AssertionError):
        played(history, happens)
        return False
    return True
