"""Ephemeral workers on real tmux: one fresh session for every task, ended once it is done, strictly one at a time."""

from __future__ import annotations

import functools
import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from iapeer.model.errors import PeerError
from tests.harness import Agent, Root, throw_away_root, wait_for
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import Held, ask_as, person, say, token_of

END_S = 30.0


@pytest.fixture
def worker(house: Root, new_peer: NewPeer) -> Iterator[Agent]:
    """A peer whose every task has a session of its own."""
    yield _hire(house, new_peer())


def _hire(house: Root, agent: Agent, **fields: Any) -> Agent:
    house.call("PATCH", f"/peers/{agent.name}", {"fields": {"wake_policy": "ephemeral", **fields}})
    return agent


def _sessions(house: Root, agent: Agent) -> list[dict[str, Any]]:
    """What became of its sessions, in order."""
    ends = {event["session"]: event for event in house.events("session_ended", peer=agent.name)}
    begun = house.events("session_opened", peer=agent.name)
    return [{"id": one["session"], "cause": one["cause"], "mode": one["mode"],
             "end": ends.get(one["session"], {}).get("cause")} for one in begun]  # fmt: skip


def _asleep(house: Root, agent: Agent) -> None:
    house.call("GET", f"/peers/{agent.name}/wait", state="asleep", timeout_s=END_S)


def _final(house: Root, *idents: str) -> list[str]:
    return [house.until(ident, "done", "failed", "dead", "expired", seconds=60)["row"]["state"] for ident in idents]


def test_three_tasks_have_three_fresh_sessions(house: Root, worker: Agent) -> None:
    """In order, one after the other, each in a conversation of its own; queued always; nothing is left at the end."""
    sent = [house.send(worker.name, f"task {number}") for number in range(3)]
    assert [(one["outcome"], one["reason"], one["state"]) for one in sent] == [("queued", "ephemeral", "queued")] * 3
    assert sent[0]["woke"]
    assert _final(house, *(one["id"] for one in sent)) == ["done"] * 3
    _asleep(house, worker)
    assert [(one["mode"], one["cause"], one["end"]) for one in _sessions(house, worker)] == [
        ("fresh", "ephemeral-policy", "reaped")
    ] * 3
    rows = [house.message(one["id"])["row"] for one in sent]
    assert [row["session"] for row in rows] == [one["id"] for one in _sessions(house, worker)]
    assert worker.bodies() == ["task 0", "task 1", "task 2"]
    assert len(list((worker.home / "conversations").glob("*.jsonl"))) == 3
    assert not Path(worker.socket).exists()
    assert house.call("GET", f"/peers/{worker.name}")["peer"]["queue_depth"] == 0
    ends = {event["session"]: event["ts"] for event in house.events("session_ended", peer=worker.name)}
    wakes = house.events("wake", peer=worker.name)
    assert all(ends[one["session"]] <= two["ts"] for one, two in itertools.pairwise(wakes))


def test_a_result_comes_back_to_who_asked(house: Root, worker: Agent, new_peer: NewPeer) -> None:
    """Every message to a worker asks for a result: its last words, or what it sends itself; to a peer, to a shell."""
    bob = new_peer()
    house.send(bob.name, "hello", wait="done")
    sent = say(house, bob, worker.name, "@@SAY 42@@")
    wait_for(lambda: "42" in bob.bodies(), "the result to reach bob")
    assert house.message(sent["id"])["reply"]["body"] == "42"
    assert house.send(worker.name, "@@SAY 43@@", wait="reply")["reply"]["body"] == "43"


def test_an_error_is_no_arm(house: Root, new_peer: NewPeer) -> None:
    """The session stays to be gone on with, until it was silent for its unarmed time; the next task waits for that."""
    worker = _hire(house, new_peer(), unarmed_secs=4)
    failed = house.send(worker.name, "@@ERROR no luck@@")["id"]
    later = house.send(worker.name, "task")["id"]
    assert _final(house, failed) == ["failed"]
    assert house.state(later) == "queued"
    assert _final(house, later) == ["done"]
    _asleep(house, worker)
    assert [one["end"] for one in _sessions(house, worker)] == ["unarmed", "reaped"]


def test_a_turn_that_takes_too_long_is_interrupted_and_its_session_ended(house: Root, new_peer: NewPeer) -> None:
    """`timeout_secs` bounds an open turn; the message says so, its sender is told, and the next task has its turn."""
    worker = _hire(house, new_peer(), timeout_secs=2)
    slow, next_one = (house.send(worker.name, body)["id"] for body in ("@@SLOW 60@@", "quick"))
    assert _final(house, slow, next_one) == ["failed", "done"]
    row = house.message(slow)["row"]
    assert (row["outcome"], row["attempt"]) == ("timeout", 1)
    assert "timeout_secs" in row["error"]
    _asleep(house, worker)
    assert [one["end"] for one in _sessions(house, worker)] == ["timeout", "reaped"]
    assert house.events("interrupt", peer=worker.name)


def test_an_agent_says_that_it_is_done(house: Root, new_peer: NewPeer) -> None:
    """`iapeer self done` arms even where the turn then ends with an error; who is no worker is told so."""
    worker = _hire(house, new_peer())
    held = Held(house)
    sent = house.send(worker.name, f"{held.words} @@ERROR late@@")["id"]
    house.until(sent, "running")
    done = ask_as(house, token_of(worker), "/self", {"verb": "done"})
    assert (done["identity"], done["status"]) == (f"fake-{worker.name}", "live")
    held.let_go()
    assert _final(house, sent) == ["failed"]
    _asleep(house, worker)
    assert [one["end"] for one in _sessions(house, worker)] == ["reaped"]
    marked = [event for event in house.events("marked", peer=worker.name) if event["mark"] == "armed"]
    assert [event["why"] for event in marked] == ["self-done"]
    warm = new_peer()
    house.send(warm.name, "hello", wait="done")
    with pytest.raises(PeerError, match="no ephemeral worker"):
        ask_as(house, token_of(warm), "/self", {"verb": "done"})
    with pytest.raises(PeerError, match="no session's token"):
        house.call("POST", "/self", {"verb": "done"})


def test_writing_to_the_requester_arms(house: Root, worker: Agent, new_peer: NewPeer) -> None:
    """A message to who gave the task, routed, is the result; one that was refused arms nothing."""
    bob = new_peer()
    house.send(bob.name, "hello", wait="done")
    held = Held(house)
    sent = say(house, bob, worker.name, f"{held.words} @@ERROR late@@")["id"]
    house.until(sent, "running")
    with pytest.raises(PeerError):
        say(house, worker, "nobody-there", "result", re=sent)
    assert not [event for event in house.events("marked", peer=worker.name) if event["mark"] == "armed"]
    say(house, worker, bob.name, "the result")
    held.let_go()
    _final(house, sent)
    _asleep(house, worker)
    marked = [event for event in house.events("marked", peer=worker.name) if event["mark"] == "armed"]
    assert [event["why"] for event in marked] == ["message"]
    assert [one["end"] for one in _sessions(house, worker)] == ["reaped"]
    assert "the result" in bob.bodies()


def test_an_answer_goes_into_the_session_that_asked(house: Root, worker: Agent, new_peer: NewPeer) -> None:
    """While it lives, before the tasks that wait; after its end it is only kept."""
    bob = new_peer()
    house.send(bob.name, "hello", wait="done")
    held = Held(house)
    task = house.send(worker.name, held.words)["id"]
    house.until(task, "running")
    next_task = house.send(worker.name, "the next task", urgent=True)["id"]
    early = say(house, worker, bob.name, "@@SAY early@@", asks=True)["id"]
    house.until(early, "done")
    late_held = Held(house)
    late = say(house, worker, bob.name, f"{late_held.words} @@SAY late@@", asks=True)["id"]
    held.let_go()
    assert _final(house, task, next_task) == ["done", "done"]
    _asleep(house, worker)
    late_held.let_go()
    house.until(late, "done")
    sessions = [one["id"] for one in _sessions(house, worker)]
    answer = house.message(house.message(early)["reply"]["id"])["row"]
    assert (answer["state"], answer["session"]) == ("done", sessions[0])
    kept = house.message(house.message(late)["reply"]["id"])["row"]
    assert (kept["state"], kept["outcome"], kept["session"]) == ("done", "informational", None)
    assert house.message(next_task)["row"]["session"] == sessions[1]
    assert len(sessions) == 2


def test_a_person_attached_holds_the_queue(house: Root, worker: Agent) -> None:
    """What waits is held with that cause; once the person has left, the session is ended and the next task begins."""
    held = Held(house)
    first = house.send(worker.name, held.words)["id"]
    house.until(first, "running")
    with person(house, worker.name) as someone:
        someone.sees(b"fake")
        wait_for(lambda: house.runtime(worker.name)["attached"], "the person to be seen")
        second = house.send(worker.name, "second")["id"]
        held.let_go()
        assert _final(house, first) == ["done"]
        found = house.until(second, "held")["row"]
        assert (found["state"], found["reason"]) == ("held", "attached")
        third = house.send(worker.name, "third")["id"]
        house.until(third, "held")
        assert len(_sessions(house, worker)) == 1
    assert _final(house, second, third) == ["done", "done"]
    _asleep(house, worker)
    assert [one["end"] for one in _sessions(house, worker)] == ["reaped"] * 3
    assert worker.bodies()[1:] == ["second", "third"]


def test_a_reaped_conversation_is_resumed_for_a_person_alone(house: Root, worker: Agent) -> None:
    """On `attach` it comes back, takes no task, and ends when the person has left."""
    first = house.send(worker.name, "the word is heron")["id"]
    assert _final(house, first) == ["done"]
    _asleep(house, worker)
    with person(house, worker.name) as someone:
        someone.sees(b"heron")
        task = house.send(worker.name, "a task")["id"]
        house.until(task, "held")
    assert _final(house, task) == ["done"]
    _asleep(house, worker)
    assert [(one["mode"], one["cause"], one["end"]) for one in _sessions(house, worker)] == [
        ("fresh", "ephemeral-policy", "reaped"), ("resume", "attach", "reaped"), ("fresh", "ephemeral-policy", "reaped")
    ]  # fmt: skip


def test_a_task_whose_session_dies_comes_back_at_most_twice(house: Root, worker: Agent) -> None:
    """After its proof: attempt 2, attempt 3, then dead; each in a session of its own, and its sender can see it."""
    held = Held(house)
    sent = house.send(worker.name, held.words)["id"]

    def runs(attempt: int) -> bool:
        row = house.message(sent)["row"]
        return (row["state"], row["attempt"]) == ("running", attempt)

    for attempt in (1, 2, 3):
        wait_for(functools.partial(runs, attempt), f"attempt {attempt} to run", 60)
        os.kill(worker.pid, signal.SIGKILL)
    row = house.until(sent, "dead", seconds=60)["row"]
    assert row["attempt"] == 3
    assert "session died" in row["error"]
    assert [one["cause"] for one in _sessions(house, worker)] == ["ephemeral-policy"] * 3
    assert [envelope.attempt for envelope in worker.turns()] == [1, 2, 3]


def test_stop_brings_the_task_back_and_holds_it(house: Root, worker: Agent) -> None:
    """A worker that is stopped in mid-task begins it anew at `start`, in a fresh session."""
    held = Held(house)
    sent = house.send(worker.name, held.words)["id"]
    house.until(sent, "running")
    house.call("POST", f"/peers/{worker.name}/stop", {})
    row = house.message(sent)["row"]
    assert (row["state"], row["reason"], row["attempt"]) == ("held", "stopped", 2)
    held.let_go()
    house.call("POST", f"/peers/{worker.name}/start", {})
    assert _final(house, sent) == ["done"]


def test_a_fresh_session_in_place_of_ones_own(house: Root, new_peer: NewPeer) -> None:
    """`iapeer self fresh`: the turn ends well first, then a fresh session is there without being asked for again."""
    agent = new_peer()
    held = Held(house)
    sent = house.send(agent.name, held.words)["id"]
    house.until(sent, "running")
    ask_as(house, token_of(agent), "/self", {"verb": "fresh"})
    held.let_go()
    assert _final(house, sent) == ["done"]
    wait_for(lambda: len(_sessions(house, agent)) == 2, "the fresh session")
    house.call("GET", f"/peers/{agent.name}/wait", state="live", timeout_s=END_S)
    assert [(one["mode"], one["cause"], one["end"]) for one in _sessions(house, agent)] == [
        ("fresh", "first-wake", "fresh"), ("fresh", "eager", None)
    ]  # fmt: skip
    worker = _hire(house, new_peer())
    held = Held(house)
    task = house.send(worker.name, held.words)["id"]
    house.until(task, "running")
    with pytest.raises(PeerError, match="every task has a fresh session"):
        ask_as(house, token_of(worker), "/self", {"verb": "fresh"})
    held.let_go()


@pytest.fixture
def own_house() -> Iterator[Root]:
    """A root whose daemon may be killed."""
    with throw_away_root() as made:
        made.start()
        yield made


@pytest.mark.parametrize("way", ["terminal", "daemon", "session"])
def test_whoever_holds_the_queue_leaves_without_a_word(own_house: Root, way: str) -> None:
    """The terminal is killed; or the daemon, and it is while there is none; or the session dies under the person."""
    worker = _hire(own_house, own_house.peer("worker"))
    first = own_house.send(worker.name, "first")["id"]
    assert _final(own_house, first) == ["done"]
    with person(own_house, worker.name) as someone:
        someone.sees(b"first")
        wait_for(lambda: own_house.runtime(worker.name)["attached"], "the person to be seen")
        second = own_house.send(worker.name, "second")["id"]
        assert own_house.until(second, "held")["row"]["reason"] == "attached"
        if way == "daemon":
            own_house.kill()
            own_house.start()
            assert own_house.until(second, "held")["row"]["reason"] == "attached"
            own_house.kill()
        if way == "session":
            os.kill(worker.pid, signal.SIGKILL)
        else:
            someone.process.kill()
            someone.process.wait()
        if way == "daemon":
            own_house.start()
        assert _final(own_house, second) == ["done"]
    _asleep(own_house, worker)
    assert worker.bodies()[1:] == ["second"]


def test_the_daemon_is_killed_between_and_in_tasks(own_house: Root) -> None:
    """Five tasks in five sessions, in order, attempt 1, whatever the daemon does meanwhile."""
    worker = _hire(own_house, own_house.peer("worker"))
    sent = [own_house.send(worker.name, f"@@SLOW 1@@ task {number}")["id"] for number in range(5)]
    for ident in sent[:3]:
        own_house.until(ident, "running", "done")
        own_house.kill()
        own_house.start()
    assert _final(own_house, *sent) == ["done"] * 5
    _asleep(own_house, worker)
    assert [own_house.message(ident)["row"]["attempt"] for ident in sent] == [1] * 5
    assert [one["end"] for one in _sessions(own_house, worker)] == ["reaped"] * 5
    assert [body[-6:] for body in worker.bodies()] == [f"task {number}" for number in range(5)]
    assert not own_house.processes()


def test_a_fresh_session_is_begun_although_the_daemon_dies(own_house: Root) -> None:
    """The mark is durable: whoever comes back begins the session that was asked for, once."""
    agent = own_house.peer("agent")
    held = Held(own_house)
    sent = own_house.send(agent.name, held.words)["id"]
    own_house.until(sent, "running")
    ask_as(own_house, token_of(agent), "/self", {"verb": "fresh"})
    own_house.kill()
    pid = psutil.Process(next(p.pid for p in own_house.processes() if "fake_agent" in " ".join(p.cmdline())))
    pid.kill()
    own_house.start()
    wait_for(lambda: len(_sessions(own_house, agent)) == 2, "the fresh session")
    assert _sessions(own_house, agent)[1]["cause"] == "eager"
    assert own_house.state(sent) == "failed"
