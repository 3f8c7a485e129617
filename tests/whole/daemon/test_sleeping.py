"""Idle sessions are put to sleep, cost nothing then, and wake as the table says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from iapeer.process.liveness import gone
from tests.harness import Agent, Root, throw_away_root, wait_for
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import in_turn, person, say


@pytest.fixture
def sleepy(house: Root, new_peer: NewPeer) -> Iterator[Agent]:
    """A peer that sleeps after a second at rest."""
    agent = new_peer()
    house.call("PATCH", f"/peers/{agent.name}", {"fields": {"idle_secs": 1}})
    yield agent


def _session(house: Root, name: str) -> dict[str, Any]:
    found: dict[str, Any] = house.call("GET", f"/peers/{name}")["last_session"]
    return found


def _asleep(house: Root, agent: Agent) -> dict[str, Any]:
    """Its last session, once it sleeps."""
    house.call("GET", f"/peers/{agent.name}/wait", state="asleep", timeout_s=30)
    return _session(house, agent.name)


def test_an_idle_session_is_parked_and_leaves_nothing(house: Root, sleepy: Agent) -> None:
    """After its idle time it ends with cause parked: no process, no tmux server, no socket; the list says asleep."""
    sent = house.send(sleepy.name, "hello", wait="done")
    pid, socket = sleepy.pid, sleepy.socket
    server = int(sleepy.tmux("display-message", "-p", "#{pid}"))
    private = house.base / "root" / "state" / "sessions" / sent["session"]
    assert private.is_dir()
    ended = _asleep(house, sleepy)
    assert (ended["id"], ended["end_cause"]) == (sent["session"], "parked")
    assert not psutil.pid_exists(pid)
    assert gone(server)  # perhaps not yet buried by its foster parent
    assert not Path(socket).exists()
    assert not private.exists()
    left = [one for one in house.processes() if one.environ().get("IAPEER_SESSION") == sent["session"]]
    assert not left
    assert house.runtime(sleepy.name)["status"] == "asleep"
    parking = house.events("parking", peer=sleepy.name)
    assert parking[-1]["idle_s"] >= 1


@pytest.mark.parametrize(
    ("topic", "person", "mode", "cause"),
    [
        ("ships", False, "resume", "parked-resume"),
        ("birds", False, "fresh", "parked-new-topic"),
        (None, False, "fresh", "parked-no-topic"),
        (None, True, "resume", "parked-human"),
        ("birds", True, "fresh", "parked-new-topic"),
    ],
)
def test_a_parked_peer_wakes_as_the_table_says(
    house: Root, sleepy: Agent, new_peer: NewPeer, topic: str | None, person: bool, mode: str, cause: str
) -> None:
    """By topic between agents, by a person's word without one; what is resumed is its own conversation."""
    bob = new_peer()
    house.send(bob.name, "hello", wait="done")
    house.send(sleepy.name, "the word is heron", topic="ships", wait="done")
    first = _asleep(house, sleepy)
    if person:
        sent = house.send(sleepy.name, "and now?", wait="done", **({"topic": topic} if topic else {}))
    else:
        sent = say(house, bob, sleepy.name, "and now?", wait="done", **({"topic": topic} if topic else {}))
    assert sent["state"] == "done"
    woken = _session(house, sleepy.name)
    assert (woken["mode"], woken["cause"]) == (mode, cause)
    assert (woken["conversation"] == first["conversation"]) == (mode == "resume")
    wake = house.events("wake", peer=sleepy.name)[-1]
    assert (wake["mode"], wake["cause"], wake["session"]) == (mode, cause, woken["id"])
    topics = house.runtime(sleepy.name)["topics"]
    assert topics == (["ships"] if mode == "resume" and topic in (None, "ships") else [topic] if topic else [])


def test_an_answer_finds_the_conversation_that_asked(house: Root, sleepy: Agent, new_peer: NewPeer) -> None:
    """The question's session sleeps when the answer comes: it resumes for it, on whatever topic."""
    bob = new_peer()
    house.send(bob.name, "hello", wait="done")
    with in_turn(house, sleepy, "working"):
        asked = say(house, sleepy, bob.name, "@@SLOW 4@@ @@SAY by noon@@", asks=True, topic="ships")["id"]
    first = _asleep(house, sleepy)
    house.until(asked, "done")
    wait_for(lambda: "by noon" in sleepy.bodies(), "the answer")
    woken = _session(house, sleepy.name)
    assert (woken["mode"], woken["cause"]) == ("resume", "reply-to-own-question")
    assert woken["conversation"] == first["conversation"]


def test_refresh_and_stop(house: Root, sleepy: Agent) -> None:
    """A stopped session may be resumed like a parked one; a refresh is fresh once, and its mark is used up."""
    house.send(sleepy.name, "one", topic="ships", wait="done")
    house.call("POST", f"/peers/{sleepy.name}/stop", {})
    first = _session(house, sleepy.name)
    house.call("POST", f"/peers/{sleepy.name}/start", {})
    assert (_session(house, sleepy.name)["mode"], _session(house, sleepy.name)["cause"]) == ("resume", "parked-human")
    assert _session(house, sleepy.name)["conversation"] == first["conversation"]
    house.call("POST", f"/peers/{sleepy.name}/refresh", {})
    _asleep(house, sleepy)
    house.send(sleepy.name, "two", topic="ships", wait="done")
    assert (_session(house, sleepy.name)["mode"], _session(house, sleepy.name)["cause"]) == ("fresh", "refresh")
    assert not house.runtime(sleepy.name)["refresh"]
    house.call("POST", f"/peers/{sleepy.name}/refresh", {})
    house.call("POST", f"/peers/{sleepy.name}/new", {})
    assert not house.runtime(sleepy.name)["refresh"]
    house.send(sleepy.name, "anew", topic="ships", wait="done")
    _asleep(house, sleepy)
    house.send(sleepy.name, "three", topic="ships", wait="done")
    assert _session(house, sleepy.name)["cause"] == "parked-resume"


def test_nothing_is_cut_off(house: Root, sleepy: Agent) -> None:
    """An open turn, a draft and a waiting message keep a session awake; it sleeps when they are gone."""
    slow = house.send(sleepy.name, "@@FIRST 3@@", wait="done")
    assert slow["state"] == "done"
    sleepy.tmux("send-keys", "-t", "main:", "-l", "half a thought")
    wait_for(lambda: house.runtime(sleepy.name)["blocked_on"], "the draft to be seen")
    before = _session(house, sleepy.name)
    assert before["id"] == slow["session"]
    assert not house.events("parking", peer=sleepy.name)
    os.kill(sleepy.pid, 0)
    house.call("POST", f"/peers/{sleepy.name}/answer", {"key": "C-u"})
    assert _asleep(house, sleepy)["id"] == before["id"]


def test_a_person_keeps_it_awake_until_they_have_left(house: Root, sleepy: Agent) -> None:
    """However long they look on; then the idle time counts from their leaving, not from the last look at them."""
    house.call("PATCH", f"/peers/{sleepy.name}", {"fields": {"idle_secs": 2}})
    sent = house.send(sleepy.name, "hello", wait="done")
    with person(house, sleepy.name) as visitor:
        wait_for(lambda: house.runtime(sleepy.name)["attached"], "the person to be seen")
        came = time.monotonic()
        wait_for(lambda: time.monotonic() > came + 3.5, "the idle time to pass")  # nothing looks meanwhile
        visitor.type(b"x")
        wait_for(lambda: b"x" in sleepy.typed()[-1:], "the key to arrive")
        visitor.type(b"\x15")
        assert _session(house, sleepy.name)["id"] == sent["session"]
        assert not house.events("parking", peer=sleepy.name)
    ended = _asleep(house, sleepy)
    assert (ended["id"], ended["end_cause"]) == (sent["session"], "parked")
    (left,) = house.events("detached", peer=sleepy.name)
    (parking,) = house.events("parking", peer=sleepy.name)
    assert parking["ts"] - left["ts"] >= 1900


def test_helpers_at_work_keep_it_awake(house: Root, sleepy: Agent) -> None:
    """By what they have recorded last; a record that is merely saved again is none."""
    house.call("PATCH", f"/peers/{sleepy.name}", {"fields": {"idle_secs": 2}})
    sent = house.send(sleepy.name, "hello", wait="done")
    (record,) = (sleepy.home / "conversations").glob("*.jsonl")
    helper = record.with_suffix("") / "subagents" / "agent-1.jsonl"
    helper.parent.mkdir(parents=True)
    until, last = time.time() + 5, 0.0
    with helper.open("a") as file:
        while time.time() < until:
            last = time.time()
            stamp = datetime.fromtimestamp(last, UTC).isoformat().replace("+00:00", "Z")
            file.write(json.dumps({"type": "assistant", "timestamp": stamp, "text": "on it"}) + "\n")
            file.flush()
            time.sleep(0.2)
    assert not house.events("parking", peer=sleepy.name)

    def saved_again() -> bool:
        helper.touch()
        return bool(house.events("parking", peer=sleepy.name))

    wait_for(saved_again, "it to sleep")
    assert _asleep(house, sleepy)["id"] == sent["session"]
    (parking,) = house.events("parking", peer=sleepy.name)
    assert parking["ts"] >= (last + 2) * 1000 - 100


def test_a_broken_profile_neither_parks_nor_spins(house: Root, sleepy: Agent) -> None:
    """A live session goes on; a waiting message's launches fail thrice, and the next try waits for its time."""
    path = sleepy.folder / ".iapeer" / "peer-profile.json"
    sound = path.read_text()
    sent = house.send(sleepy.name, "hello", wait="done")
    path.write_text("{")
    house.call("GET", f"/peers/{sleepy.name}")
    wait_for(lambda: house.events("done", peer=sleepy.name), "the actor to be at rest")
    assert _session(house, sleepy.name)["id"] == sent["session"]
    path.write_text(sound)
    house.call("POST", f"/peers/{sleepy.name}/start", {})  # it lives: only a reason to look again
    _asleep(house, sleepy)
    later = house.send(sleepy.name, "later", at_ms=int(time.time() * 1000) + 700)
    path.write_text("{")
    wait_for(lambda: house.message(later["id"])["row"]["state"] == "held", "the guard to hold it")
    assert len(house.events("launch_failed", peer=sleepy.name)) == 3
    assert not house.events("actor_error", peer=sleepy.name)
    path.write_text(sound)
    house.call("POST", f"/peers/{sleepy.name}/start", {})
    house.until(later["id"], "done")


def test_a_daemon_that_dies_while_it_parks_leaves_a_parked_session() -> None:
    """The intent is on record before the agent is killed: it is no crash, and its conversation resumes."""
    with throw_away_root() as root:
        root.start()
        agent = root.peer("alice")
        root.send("alice", "one", topic="ships", wait="done")
        pid, socket = agent.pid, agent.socket
        root.kill()
        _mark_parking(root)
        os.kill(pid, signal.SIGKILL)
        subprocess.run(["tmux", "-S", socket, "kill-server"], check=False, capture_output=True)
        root.start()
        assert _session(root, "alice")["end_cause"] == "parked"
        root.send("alice", "two", topic="ships", wait="done")
        assert _session(root, "alice")["cause"] == "parked-resume"
        assert not root.events("marked", peer="alice")


def _mark_parking(root: Root) -> None:
    """What the dead daemon had written."""
    import sqlite3

    with sqlite3.connect(root.base / "root" / "state" / "iapeer.db") as sql:
        sql.execute("INSERT INTO marks VALUES ('fake-alice', 'parking', 'alice', 1)")
