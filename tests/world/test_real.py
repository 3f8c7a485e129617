"""A few histories twice: in virtual time, then on real tmux with fake agents. The same promises hold in both."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import Root
from tests.world.history import PEERS, History, Op, seeded
from tests.world.real import RealHistory

TABLE: dict[str, tuple[int, dict[str, tuple[Any, ...]]]] = {
    "send": (6, {
        "to": PEERS, "body": ("hello", "@@SLOW 0.4@@", "@@ERROR broken pipe@@", "@@CRASH@@", "@@EXIT 3@@", "@@BG 1@@"),
        "topic": (None, "ships"), "urgent": (False, True), "delay": (None, None, 1), "expires": (None, None, 2),
        "asks": (False, True),
    }),
    "speak": (3, {
        "who": PEERS, "body": ("hello", "@@SLOW 0.4@@"), "topic": (None, "ships"), "re": ("nothing", "last"),
        "asks": (False, True),
    }),
    "wait": (2, {"seconds": (0.3, 1.0, 2.5)}),
    "verb": (2, {"who": PEERS, "verb": ("start", "stop", "new", "refresh")}),
    "own": (1, {"who": PEERS, "verb": ("done", "fresh")}),
    "person": (2, {"who": PEERS, "does": ("come", "leave")}),
    "end": (2, {"who": PEERS, "what": ("agent", "politely", "tmux")}),
    "kill": (3, {"after": (0, 1, 3, 8, 20)}),
}  # fmt: skip
WORKER = {"wake_policy": "ephemeral", "unarmed_secs": 2}


@pytest.mark.parametrize("seed", [1, 2])
def test_warm_peers(root: Root, seed: int) -> None:
    """Two warm peers."""
    _twice(root, {}, seeded(seed, 8, TABLE))


@pytest.mark.parametrize("seed", [4, 6])
def test_a_worker(root: Root, seed: int) -> None:
    """One of them is a worker."""
    _twice(root, {"bob": WORKER}, seeded(seed, 8, TABLE))


def _twice(root: Root, profiles: dict[str, dict[str, Any]], happens: list[Op]) -> None:
    virtual = History(dict.fromkeys(PEERS, "fake"), profiles)
    try:
        _play(virtual, happens)
    finally:
        virtual.close()
    _play(RealHistory(root, profiles), happens)


def _play(history: History | RealHistory, happens: list[Op]) -> None:
    for op in happens:
        history.play(op)
    history.become_quiet()
