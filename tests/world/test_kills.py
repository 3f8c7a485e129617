"""Short stories in which the daemon is killed before or after each thing that it does, in virtual time.

With one runtime at every commit that begins, moves or ends an activation, or sets or releases a hold; with both at
every twentieth point. IAPEER_HISTORIES (make histories) makes it every point with both.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.world.history import DAY_S, History, Op, played

STRIDE = 1 if "IAPEER_HISTORIES" in os.environ else 20
WORKER = {"wake_policy": "ephemeral", "unarmed_secs": 120, "timeout_secs": 500}
SEND: Op = {
    "op": "send", "to": "bob", "body": "@@SLOW 3@@", "topic": None, "urgent": False, "delay": None, "expires": None,
    "asks": True, "pause": 5.0,
}  # fmt: skip
SPEAK: Op = {"op": "speak", "who": "bob", "body": "hello", "topic": "ships", "re": "last", "asks": True, "pause": 5.0}
STOP: Op = {"op": "verb", "who": "bob", "verb": "stop", "pause": 0.01}
START: Op = {"op": "verb", "who": "bob", "verb": "start", "pause": 5.0}
PARK: Op = {"op": "wait", "seconds": 700.0, "pause": 0.0}
COME: Op = {"op": "person", "who": "bob", "does": "come", "pause": 1.0}
KILL: Op = {"op": "kill", "after": 0, "pause": 0.0}  # from here on; without it, from the beginning
NEVER = 10**9
TALK: list[Op] = [SPEAK | {"who": who, "re": "nothing", "asks": False, "pause": 0.3} for who in ("ann", "bob") * 4]
STORIES: dict[str, list[Op]] = {
    "sleep": [SEND, PARK, {**SEND, "topic": "ships", "body": "hello"}],
    "answer": [SEND, SPEAK],
    "stop": [SEND | {"pause": 1.0}, STOP | {"pause": 5.0}],
    "held": [SEND | {"pause": 1.0}, SEND | {"pause": 0.1}, STOP | {"pause": 5.0}, START],
    "new": [SEND, {"op": "verb", "who": "bob", "verb": "new", "pause": 5.0}],
    "refresh": [SEND, {"op": "verb", "who": "bob", "verb": "refresh", "pause": 0.1}, PARK, SEND],
    "death": [SEND | {"body": "@@CRASH@@"}, SEND],
    "guard": [
        *[SEND | {"body": "@@CRASH@@", "asks": False, "pause": 2.0}] * 2,
        KILL,
        SEND | {"body": "@@CRASH@@", "pause": 2.0},
        SEND | {"pause": 40.0},
    ],
    "start fails": [{"op": "omen", "who": "bob", "omen": "dies", "pause": 0.0}, SEND],
    "taken out": [SEND | {"pause": 0.323}, COME | {"pause": 0.0}, COME | {"does": "tidy", "pause": 10.0}],
    "call": [SEND, SPEAK | {"wait": "reply", "topic": None, "pause": 10.0}],
    "loop": [
        SEND | {"to": "ann", "body": "hello"},
        SEND,
        *TALK[:-1],
        KILL,
        TALK[-1],
        {"op": "jump", "seconds": -DAY_S, "pause": 200.0},
    ],
}
WORKS: dict[str, list[Op]] = {
    "tasks": [SEND | {"pause": 0.0}, SEND | {"pause": 15.0}],
    "answer": [SEND, SPEAK | {"re": "task"}],
    "done": [SEND | {"body": "@@SLOW 8@@"}, {"op": "own", "who": "bob", "verb": "done", "pause": 9.0}],
    "death": [SEND | {"body": "@@CRASH@@", "pause": 0.0}, SEND | {"pause": 30.0}],
    "person": [SEND, COME, SEND, COME | {"does": "leave", "pause": 10.0}],
    "timeout": [SEND | {"body": "@@SLOW 900@@", "pause": 300.0}, {"op": "wait", "seconds": 300.0, "pause": 0.0}],
    "unarmed": [SEND | {"body": "@@ERROR no@@"}, SEND, {"op": "wait", "seconds": 130.0, "pause": 0.0}],
}


def _killed(story: list[Op], after: int) -> list[Op]:
    """The story with the daemon killed at this point of it."""
    return [op | {"after": after} if op is KILL else op for op in (story if KILL in story else [KILL, *story])]


def _points(history: History, story: list[Op]) -> list[bool]:
    """The points of the story at which the daemon may be killed; True: beside a commit of activations or holds."""
    try:
        for op in _killed(story, NEVER):
            history.play(op)
        return list(history.world.points)
    finally:
        history.close()


def _kill_everywhere(runtime: str, profile: dict[str, Any], story: list[Op]) -> None:
    def new() -> History:
        return History({"ann": "fake", "bob": runtime}, {"bob": profile})

    for after, close in enumerate(_points(new(), story)):
        if after % STRIDE == 0 or (close and runtime == "fake"):
            history = new()
            played(history, _killed(story, after))
            assert history.burnt, f"not killed at point {after}"


@pytest.mark.parametrize("runtime", ["fake", "mute"])
@pytest.mark.parametrize("story", STORIES)
def test_a_warm_peer(story: str, runtime: str) -> None:
    """It keeps its promises, whenever the daemon was killed."""
    _kill_everywhere(runtime, {}, STORIES[story])


@pytest.mark.parametrize("runtime", ["fake", "mute"])
@pytest.mark.parametrize("story", WORKS)
def test_a_worker(story: str, runtime: str) -> None:
    """So does a worker."""
    _kill_everywhere(runtime, WORKER, WORKS[story])
