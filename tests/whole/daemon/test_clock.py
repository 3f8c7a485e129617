"""The wall clock jumps by a day, both ways, under a daemon and its agents: nothing is parked early, lost or late."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Root, wait_for
from tests.whole.daemon.tools import Held, say

DAY_S = 86_400
JUMPS = pytest.mark.parametrize("jump", [DAY_S, -DAY_S], ids=["forward", "back"])
# Read by every Python of the root at its start: the clock on the wall is what the file says it is off.
_OFF = """
import os, time
_true, _path = time.time, os.environ["TEST_CLOCK_OFF"]
def _read():
    with open(_path) as file:
        return float(file.read() or 0)
time.time = lambda: _true() + _read()
"""


class Wall:
    """The clock on the wall of one root."""

    def __init__(self, root: Root) -> None:
        folder = root.base / "clock"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_OFF)
        self._off = folder / "off"
        self._off.write_text("0")
        root.program = [sys.executable, "-m", "iapeer"]  # a process that begins anew, and reads the file
        root.env |= {"PYTHONPATH": str(folder), "TEST_CLOCK_OFF": str(self._off), "IAPEER_RECONCILE_SECS": "1"}

    def jump(self, seconds: int) -> None:
        """Set it forward or back."""
        new = Path(f"{self._off}.new")
        new.write_text(str(float(self._off.read_text()) + seconds))
        new.replace(self._off)

    def now_ms(self) -> int:
        """What it shows."""
        return int((time.time() + float(self._off.read_text())) * 1000)


@pytest.fixture
def wall(root: Root) -> Iterator[Wall]:
    """A root with its daemon, and its clock."""
    made = Wall(root)
    root.start()
    yield made


def _last(root: Root, name: str) -> dict[str, Any]:
    return dict(root.call("GET", f"/peers/{name}")["last_session"])


def _sleeps_after(root: Root, name: str, seconds: int) -> None:
    root.call("PATCH", f"/peers/{name}", {"fields": {"idle_secs": seconds}})


def _asleep(root: Root, name: str) -> None:
    root.call("GET", f"/peers/{name}/wait", state="asleep", timeout_s=30)


@JUMPS
def test_messages_go_on(root: Root, wall: Wall, jump: int) -> None:
    """One in mid-turn, one that waits, and what comes later: each its own turn, its own answer, none left open."""
    alice = root.peer("alice")
    held = Held(root)
    first = root.send("alice", f"{held.words} @@SAY one@@", asks=True, wait="delivered")
    second = root.send("alice", "@@SAY two@@", asks=True)
    wall.jump(jump)
    third = root.send("alice", "@@SAY three@@", asks=True)
    held.let_go()
    for sent, word in ((first, "one"), (second, "two"), (third, "three")):
        assert root.until(sent["id"], "done", "failed", "dead")["row"]["state"] == "done"
        assert root.message(sent["id"])["reply"]["body"] == word
    with_turn = Held(root)
    busy = root.send("alice", f"{with_turn.words} @@SAY four@@", wait="delivered")
    assert root.state(busy["id"]) == "running"
    root.kill()
    root.start()
    assert root.state(busy["id"]) == "running"
    with_turn.let_go()
    root.until(busy["id"], "done")
    assert len(alice.bodies()) == 4
    assert len(root.events("wake")) == 1
    assert not root.events("actor_error", "degraded")


@JUMPS
def test_nothing_is_parked_early(root: Root, wall: Wall, jump: int) -> None:
    """A session that was at work seconds ago lives on, also where a daemon comes back."""
    root.peer("alice")
    sent = root.send("alice", "hello", wait="done")
    wall.jump(jump)
    for _ in range(2):
        assert root.send("alice", "@@SAY here@@", wait="done")["session"] == sent["session"]
        root.kill()
        root.start()
        root.call("POST", "/peers/alice/start", {})  # a reason to look
        root.call("GET", "/peers/alice/wait", state="idle", timeout_s=10)
    assert root.runtime("alice")["session"] == sent["session"]
    assert not root.events("parking")


def test_a_returning_daemon_is_not_fooled(root: Root, wall: Wall) -> None:
    """Nothing is written after the jump: the time it adds is not taken for rest."""
    root.peer("alice")
    sent = root.send("alice", "hello", wait="done")
    root.kill()
    wall.jump(DAY_S)
    root.start()
    wait_for(lambda: root.runtime("alice")["activity"] == "idle", "it to be seen at rest")
    root.call("POST", "/peers/alice/start", {})
    assert root.runtime("alice")["session"] == sent["session"]
    assert not root.events("parking")


@JUMPS
def test_parking_and_waking_go_on(root: Root, wall: Wall, jump: int) -> None:
    """It sleeps in its time, and wakes as the table says: the newest conversation is the one of the newest session."""
    root.peer("alice")
    root.send("alice", "on ships", topic="ships", wait="done")
    _sleeps_after(root, "alice", 1)
    wall.jump(jump)
    _asleep(root, "alice")
    ships = _last(root, "alice")
    for topic, cause in (("birds", "parked-new-topic"), ("birds", "parked-resume")):
        assert root.send("alice", f"on {topic}", topic=topic, wait="done")["state"] == "done"
        woken = _last(root, "alice")
        assert woken["cause"] == cause
        assert woken["conversation"] != ships["conversation"]
        _asleep(root, "alice")
    root.kill()
    wall.jump(-2 * jump)
    root.start()
    assert root.send("alice", "again", topic="birds", wait="done")["state"] == "done"
    assert (_last(root, "alice")["cause"], _last(root, "alice")["conversation"]) == (
        "parked-resume", woken["conversation"],
    )  # fmt: skip


@JUMPS
def test_an_answer_finds_who_asked(root: Root, wall: Wall, jump: int) -> None:
    """The question was asked after the jump, by a session of before it; the answer resumes it."""
    alice = root.peer("alice")
    root.peer("bob")
    for name in ("alice", "bob"):
        root.send(name, "hello", wait="done")
    wall.jump(jump)
    held = Held(root)
    working = root.send("alice", held.words, wait="delivered")
    asked = say(root, alice, "bob", "@@SLOW 3@@ @@SAY by noon@@", asks=True, topic="ships")["id"]
    held.let_go()
    root.until(working["id"], "done")
    before = _last(root, "alice")
    _sleeps_after(root, "alice", 1)
    _asleep(root, "alice")
    root.until(asked, "done")
    wait_for(lambda: "by noon" in alice.bodies(), "the answer")
    woken = _last(root, "alice")
    assert (woken["cause"], woken["conversation"]) == ("reply-to-own-question", before["conversation"])


def test_what_has_a_time_keeps_it(root: Root, wall: Wall) -> None:
    """By the clock on the wall: after a jump over it, it is typed, or expired and told."""
    root.peer("alice")
    soon = wall.now_ms() + 3_600_000
    later = root.send("alice", "later", at_ms=soon)
    late = root.send("alice", "too late", at_ms=soon, expires_ms=soon + 1)
    wall.jump(DAY_S)
    root.send("alice", "now", expires_ms=wall.now_ms() + 60_000)  # a reason to look at the time
    root.until(late["id"], "expired")
    root.until(later["id"], "done")
