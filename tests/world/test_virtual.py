"""Histories of hours, in virtual time: whatever people, agents, time and bad luck do, the promises hold."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.world.history import History, Op, ops

# IAPEER_HISTORIES=2000 plays so many others; without it the same ones are played every time.
MANY = int(os.environ.get("IAPEER_HISTORIES", "0"))
PLAYED = settings(
    max_examples=MANY or 100, derandomize=not MANY, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip

LISTS = st.lists(ops(), max_size=30)


def played(history: History, happens: list[Op]) -> None:
    """All of it, then quiet."""
    try:
        for op in happens:
            history.play(op)
        history.become_quiet()
    finally:
        history.close()


@PLAYED
@given(runtime=st.sampled_from(["fake", "mute"]), happens=LISTS)
def test_warm_peers(runtime: str, happens: list[Op]) -> None:
    """Two warm peers."""
    played(History({"ann": "fake", "bob": runtime}), happens)


WORKER = {"wake_policy": "ephemeral", "unarmed_secs": 120, "timeout_secs": 500}


@PLAYED
@given(runtime=st.sampled_from(["fake", "mute"]), asker=st.sampled_from([{}, WORKER]), happens=LISTS)
def test_workers(runtime: str, asker: dict[str, Any], happens: list[Op]) -> None:
    """One works on tasks, each in a session of its own; who asks it may be another such."""
    played(History({"ann": "fake", "bob": runtime}, {"ann": asker, "bob": WORKER}), happens)


SEND: Op = {
    "op": "send", "to": "bob", "body": "@@SLOW 3@@", "topic": None, "urgent": False, "delay": None, "expires": None,
    "asks": True, "pause": 5.0,
}  # fmt: skip
ASK: Op = {"op": "speak", "who": "bob", "body": "hello", "topic": "ships", "re": "last", "asks": True, "pause": 5.0}
STOP: Op = {"op": "verb", "who": "bob", "verb": "stop", "pause": 0.01}
PARK: Op = {"op": "wait", "seconds": 700.0, "pause": 0.0}
STORIES: dict[str, list[Op]] = {
    "sleep": [SEND, PARK, {**SEND, "topic": "ships", "body": "hello"}],
    "answer": [SEND, ASK],
    "stop": [SEND | {"pause": 1.0}, {"op": "verb", "who": "bob", "verb": "stop", "pause": 5.0}],
    "new": [SEND, {"op": "verb", "who": "bob", "verb": "new", "pause": 5.0}],
    "refresh": [SEND, {"op": "verb", "who": "bob", "verb": "refresh", "pause": 0.1}, PARK, SEND],
    "death": [SEND | {"body": "@@CRASH@@"}, SEND],
    "start fails": [{"op": "omen", "who": "bob", "omen": "dies", "pause": 0.0}, SEND],
}


WORKS: dict[str, list[Op]] = {
    "tasks": [SEND | {"pause": 0.0}, SEND | {"pause": 15.0}],
    "answer": [SEND, ASK | {"re": "task"}],
    "done": [SEND | {"body": "@@SLOW 8@@"}, {"op": "own", "who": "bob", "verb": "done", "pause": 9.0}],
    "death": [SEND | {"body": "@@CRASH@@", "pause": 0.0}, SEND | {"pause": 30.0}],
    "person": [SEND, {"op": "person", "who": "bob", "does": "come", "pause": 1.0}, SEND],
    "timeout": [SEND | {"body": "@@SLOW 900@@", "pause": 300.0}, {"op": "wait", "seconds": 300.0, "pause": 0.0}],
    "unarmed": [SEND | {"body": "@@ERROR no@@"}, SEND, {"op": "wait", "seconds": 130.0, "pause": 0.0}],
}
STRIDE = 1 if MANY else 9


def at_every_point(runtime: str, profile: dict[str, Any], story: list[Op]) -> None:
    """The story, with the daemon killed before or after each thing it does: once for every one, or every few."""
    for after in range(len(story) % STRIDE, 1000, STRIDE):
        history = History({"ann": "fake", "bob": runtime}, {"bob": profile})
        played(history, [{"op": "kill", "after": after, "pause": 0.0}, *story])
        if not history.burnt:
            break


@pytest.mark.parametrize("runtime", ["fake", "mute"])
@pytest.mark.parametrize("story", STORIES)
def test_killed_at_every_point(story: str, runtime: str) -> None:
    """A warm peer."""
    at_every_point(runtime, {}, STORIES[story])


@pytest.mark.parametrize("runtime", ["fake", "mute"])
@pytest.mark.parametrize("story", WORKS)
def test_a_worker_killed_at_every_point(story: str, runtime: str) -> None:
    """A worker."""
    at_every_point(runtime, WORKER, WORKS[story])


def test_a_start_overtakes_a_stop() -> None:
    """What waits is not held for a stop that is over: the start came while the session was still being ended."""
    start: Op = {"op": "verb", "who": "bob", "verb": "start", "pause": 0.0}
    played(History({"ann": "fake", "bob": "fake"}), [SEND | {"pause": 1.0}, SEND | {"pause": 0.1}, STOP, start])


def test_a_stop_comes_while_the_actor_looks() -> None:
    """The message that was to be typed is held by then: that is no trouble of the actor's."""
    start: Op = {"op": "verb", "who": "bob", "verb": "start", "pause": 5.0}
    played(History({"ann": "fake", "bob": "fake"}), [start, SEND | {"pause": 0.0}, STOP])
