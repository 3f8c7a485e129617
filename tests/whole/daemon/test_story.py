"""What a list and a peer's card are made of, in real life: why it sleeps, what it is at, what waits and for what."""

from __future__ import annotations

import os
import signal
from typing import Any

from tests.harness import Agent, Root, wait_for
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import Held, person


def _asleep(house: Root, agent: Agent) -> dict[str, Any]:
    house.call("GET", f"/peers/{agent.name}/wait", state="asleep", timeout_s=30)
    return house.runtime(agent.name)


def _outlook(house: Root, agent: Agent) -> dict[str, tuple[str, str]]:
    found = house.call("GET", f"/peers/{agent.name}")["outlook"]
    return {one["whose"]: (one["mode"], one["cause"]) for one in found}


def test_why_a_warm_peer_sleeps_and_what_would_wake_it_how(house: Root, new_peer: NewPeer) -> None:
    """Never ran, live, parked, and killed: the last begin and end, and what the wake table would say of a message."""
    agent = new_peer()
    first = house.runtime(agent.name)
    assert (first["last_wake"], first["last_end"], first["task"], first["waiting"]) == (None, None, None, 0)
    assert set(_outlook(house, agent).values()) == {("fresh", "first-wake")}
    house.call("PATCH", f"/peers/{agent.name}", {"fields": {"idle_secs": 1}})
    house.send(agent.name, "hello", topic="ships", wait="done")
    parked = _asleep(house, agent)
    assert (parked["last_wake"]["mode"], parked["last_wake"]["cause"]) == ("fresh", "first-wake")
    assert parked["last_wake"]["at_ms"] <= parked["last_wake"]["ready_ms"] <= parked["last_end"]["at_ms"]
    assert (parked["last_end"]["cause"], parked["status"]) == ("parked", "asleep")
    assert _outlook(house, agent) == {
        "person": ("resume", "parked-human"), "agent": ("fresh", "parked-no-topic"),
        "old-topic": ("resume", "parked-resume"), "new-topic": ("fresh", "parked-new-topic"),
    }  # fmt: skip
    house.call("PATCH", f"/peers/{agent.name}", {"fields": {"idle_secs": 3600}})
    house.send(agent.name, "and again", topic="ships", wait="done")
    live = house.runtime(agent.name)
    assert (live["last_wake"]["cause"], live["last_end"], _outlook(house, agent)) == ("parked-resume", None, {})
    os.kill(agent.pid, signal.SIGKILL)
    killed = _asleep(house, agent)
    assert (killed["last_end"]["cause"], killed["last_end"]["signal"]) == ("exit", 9)
    assert _outlook(house, agent)["old-topic"] == ("fresh", "crash-or-self-close")
    assert "asleep (signal 9, " in house.cli("list").stdout
    told = house.cli("events", "--peer", agent.name, "--kind", "wake,session_ended").stdout
    assert "a fresh session: it had never run before (first-wake)" in told
    assert "its conversation stays (parked)" in told
    assert "its agent ended by signal 9 (exit)" in told


def test_what_a_worker_is_at_and_what_holds_its_line(house: Root, new_peer: NewPeer) -> None:
    """Its task and how often that was tried and why again; then, with a person attached: armed, and the line held."""
    worker = new_peer()
    house.call("PATCH", f"/peers/{worker.name}", {"fields": {"wake_policy": "ephemeral"}})
    held = Held(house)
    task = house.send(worker.name, f"\n {held.words}")["id"]
    house.until(task, "running")
    later = house.send(worker.name, "later")["id"]
    one = house.runtime(worker.name)
    assert (one["task"]["id"], one["task"]["from"], one["task"]["state"]) == (task, "operator", "running")
    assert one["task"]["preview"].startswith("@@TOOL")
    assert (one["waiting"], one["held"], one["held_by"], one["armed"]) == (1, 0, None, False)
    (waits,) = house.call("GET", f"/peers/{worker.name}")["next"]
    assert (waits["message"], waits["reason"], waits["retried"]) == (later, "ephemeral", None)
    os.kill(worker.pid, signal.SIGKILL)
    wait_for(lambda: (house.runtime(worker.name)["task"] or {}).get("attempt") == 2, "the second attempt")
    row = house.until(task, "running")["row"]
    assert (row["attempt"], "session died" in row["retried"]) == (2, True)
    assert "attempt 2, after: session died" in house.cli("inbox", worker.name).stdout
    assert "-- attempt 2, after: session died" in house.cli("message", task).stdout
    with person(house, worker.name) as someone:
        someone.sees(b"fake")
        wait_for(lambda: house.runtime(worker.name)["attached"], "the person to be seen")
        held.let_go()
        house.until(later, "held")
        one = house.runtime(worker.name)
        assert (one["waiting"], one["held"], one["held_by"], one["armed"]) == (1, 1, "attached", True)
        assert "held: attached, until whoever is attached has left" in house.cli("inbox", worker.name).stdout
        assert "live, idle, ending, attached" in house.cli("list").stdout
    house.until(later, "done")
    asleep = _asleep(house, worker)
    assert (asleep["last_end"]["cause"], asleep["armed"], asleep["waiting"]) == ("reaped", False, 0)
    assert asleep["task"] is None
    assert set(_outlook(house, worker).values()) == {("fresh", "ephemeral-policy")}
