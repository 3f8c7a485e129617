"""Start, stop, new, interrupt, attach, peek, answer and wait, on live fake agents."""

from __future__ import annotations

import threading
import time
from typing import Any

import psutil
import pytest

from iapeer.model.errors import Failed, PeerError, Refused, TimedOut
from tests.harness import Agent, Root, wait_for
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import person


def _post(house: Root, agent: Agent, verb: str, **body: Any) -> dict[str, Any]:
    return house.call("POST", f"/peers/{agent.name}/{verb}", body)


def _wait(house: Root, agent: Agent, state: str, seconds: float = 10) -> dict[str, Any]:
    return house.call("GET", f"/peers/{agent.name}/wait", state=state, timeout_s=seconds)


def _session(house: Root, ident: str) -> dict[str, Any]:
    return house.call("GET", f"/sessions/{ident}")


def test_a_stopped_peer_holds_its_messages_until_start(house: Root, new_peer: NewPeer) -> None:
    """Stop ends the session; what is sent then is held with the reason; start releases it, and it arrives."""
    agent = new_peer()
    first = house.send(agent.name, "one", wait="done")
    assert _post(house, agent, "stop")["status"] == "stopped"
    ended = _session(house, first["session"])
    assert (ended["end_cause"], ended["exit_code"]) == ("stop", 143)
    sent = house.send(agent.name, "two")
    assert (sent["outcome"], sent["state"], sent["reason"]) == ("queued", "held", "stopped")
    with pytest.raises(Refused, match="iapeer start"):
        _post(house, agent, "attach")
    started = _post(house, agent, "start")
    assert (started["status"], started["session"] != first["session"]) == ("live", True)
    house.until(sent["id"], "done")
    assert house.steps(sent["id"])[:3] == ["accepted", "queued", "leased"]
    assert agent.bodies() == ["one", "two"]


def test_a_backlog_is_held_whole_by_a_stop_and_goes_on_in_its_order(house: Root, new_peer: NewPeer) -> None:
    """More than are held or let go at once; what is sent between stop and start comes after them."""
    agent = new_peer()
    busy = house.send(agent.name, "@@SLOW 60@@", wait="delivered")
    backlog = [{"to": agent.name, "body": f"m{number}", "urgent": number == 119} for number in range(120)]
    house.call("POST", "/send/batch", {"messages": backlog})
    _post(house, agent, "stop")
    last = house.send(agent.name, "last")
    rows = house.call("GET", f"/peers/{agent.name}/inbox")["rows"]
    waiting = [row for row in rows if row["message"] != busy["id"]]
    assert [(row["state"], row["reason"]) for row in waiting] == [("held", "stopped")] * 121
    assert house.call("GET", f"/peers/{agent.name}")["peer"]["queue_depth"] == 121
    _post(house, agent, "start")
    house.until(last["id"], "done", seconds=120)
    assert [body for body in agent.bodies() if body[0] != "@"] == ["m119", *(f"m{n}" for n in range(119)), "last"]


def test_stop_keeps_a_typed_unproven_message_and_does_not_wake(house: Root, new_peer: NewPeer) -> None:
    """A message that the stop took out of its session's hands is held like any other: nothing wakes a stopped peer."""
    agent = new_peer("--swallow-enters 99")
    sent = house.send(agent.name, "hello")
    wait_for(lambda: "typed" in house.steps(sent["id"]), "typing")
    _post(house, agent, "stop")
    row = house.message(sent["id"])["row"]
    assert (row["state"], row["reason"], row["attempt"]) == ("held", "stopped", 2)
    time.sleep(0.5)
    assert house.runtime(agent.name)["status"] == "stopped"
    agent.configure()
    _post(house, agent, "start")
    house.until(sent["id"], "done")
    assert [(turn.body, turn.attempt) for turn in agent.turns()] == [("hello", 2)]


@pytest.mark.parametrize("verb", ["stop", "new"])
def test_who_waits_for_a_start_hears_that_it_was_ended(house: Root, new_peer: NewPeer, verb: str) -> None:
    """A start that `stop` or `new` ends in the middle answers at once, and is no failed launch."""
    agent = new_peer("--boot-delay 1")
    heard: list[PeerError] = []

    def start() -> None:
        with pytest.raises(Failed) as failed:
            _post(house, agent, "start")
        heard.append(failed.value)

    asker = threading.Thread(target=start)
    asker.start()
    wait_for(lambda: house.runtime(agent.name)["pid"], "the launch")
    _post(house, agent, verb)
    asker.join(10)
    assert verb in str(heard[0])
    assert not house.events("launch_failed", peer=agent.name)


def test_new_begins_a_fresh_conversation(house: Root, new_peer: NewPeer) -> None:
    """`new` ends the session and starts another one with another conversation, that knows nothing."""
    agent = new_peer()
    first = house.send(agent.name, "words of before", wait="done")["session"]
    assert "words of before" in house.call("GET", f"/peers/{agent.name}/screen")["text"]
    second = _post(house, agent, "new")["session"]
    before, after = _session(house, first), _session(house, second)
    assert (before["end_cause"], after["mode"], after["cause"]) == ("new", "fresh", "new")
    assert before["conversation"] != after["conversation"]
    assert "words of before" not in house.call("GET", f"/peers/{agent.name}/screen")["text"]


def test_what_ended_by_itself_is_not_resumed(house: Root, new_peer: NewPeer) -> None:
    """After a crash or a goodbye of its own, a message and `start` begin a fresh conversation."""
    agent = new_peer()
    sessions = [house.send(agent.name, "@@EXIT 3@@", wait="done")["session"]]
    _wait(house, agent, "asleep")
    sessions.append(house.send(agent.name, "@@EXIT 0@@", wait="done")["session"])
    _wait(house, agent, "asleep")
    sessions.append(_post(house, agent, "start")["session"])
    found = [_session(house, ident) for ident in sessions]
    assert [session["mode"] for session in found] == ["fresh"] * 3
    assert [session["cause"] for session in found] == ["first-wake", "crash-or-self-close", "crash-or-self-close"]
    assert len({session["conversation"] for session in found}) == 3
    assert [(session["end_cause"], session["exit_code"]) for session in found[:2]] == [("exit", 3), ("exit", 0)]


def test_interrupt_ends_a_slow_turn(house: Root, new_peer: NewPeer) -> None:
    """The turn ends, its row fails as interrupted, and the next message goes on; with no turn it is refused."""
    agent = new_peer()
    slow = house.send(agent.name, "@@SLOW 60@@", wait="delivered")
    assert house.runtime(agent.name)["activity"] == "busy"
    assert _post(house, agent, "interrupt")["session"] == slow["session"]
    row = house.until(slow["id"], "failed")["row"]
    assert (row["error"], row["outcome"]) == ("interrupted", "interrupted")
    assert agent.records("interrupted")
    assert house.send(agent.name, "next", wait="done")["session"] == slow["session"]
    _wait(house, agent, "idle")
    with pytest.raises(Refused) as refused:
        _post(house, agent, "interrupt")
    assert refused.value.code == "idle"


def test_what_only_a_live_peer_can_do_is_refused(house: Root, new_peer: NewPeer) -> None:
    """Interrupt, peek and answer on a sleeping peer say that it sleeps; an attach has nothing to resume."""
    agent = new_peer()
    asks: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
        ("POST", "interrupt", {}),
        ("GET", "screen", None),
        ("POST", "answer", {"key": "Enter"}),
    )
    for method, verb, body in asks:
        with pytest.raises(Refused) as refused:
            house.call(method, f"/peers/{agent.name}/{verb}", body)
        assert refused.value.code == "asleep"
    with pytest.raises(Refused) as nothing:
        _post(house, agent, "attach")
    assert nothing.value.code == "attach-nothing-to-resume"
    assert house.runtime(agent.name)["status"] == "asleep"


def test_attach_resumes_the_recorded_conversation(house: Root, new_peer: NewPeer) -> None:
    """A sleeping peer's last conversation comes back, with the agent's own resume flag and its earlier texts."""
    agent = new_peer()
    first = house.send(agent.name, "remember me", wait="done")["session"]
    house.send(agent.name, "@@EXIT 0@@", wait="done")
    _wait(house, agent, "asleep")
    with person(house, agent.name) as visitor:
        visitor.sees(b"remember me")
        now = house.runtime(agent.name)
        conversation = _session(house, first)["conversation"]
        assert _session(house, now["session"])["mode"] == "resume"
        assert f"--resume {conversation}" in " ".join(psutil.Process(now["pid"]).cmdline())
    sent = house.send(agent.name, "and this", wait="done")
    assert sent["session"] == now["session"]
    assert agent.bodies() == ["remember me", "@@EXIT 0@@", "and this"]


def test_peek_and_answer(house: Root, new_peer: NewPeer) -> None:
    """A permission dialog blocks the peer and is shown; only a person's deliberate answer ends it."""
    agent = new_peer()
    sent = house.send(agent.name, "@@DIALOG@@ @@SAY agreed@@", wait="delivered")
    entry = wait_for(
        lambda: ((found := house.runtime(agent.name))["activity"] == "blocked" and found) or None, "the dialog"
    )
    assert entry["blocked_on"]["reason"] == "permission"
    assert "proceed" in entry["blocked_on"]["text"]
    assert "rm -rf build" in house.call("GET", f"/peers/{agent.name}/screen")["text"]
    with pytest.raises(Failed, match="no key"):
        _post(house, agent, "answer", key="Enter; rm")
    shown = _post(house, agent, "answer", key="Enter")
    assert "Do you want to proceed" not in shown["text"]
    house.until(sent["id"], "done")
    assert [record["type"] for record in agent.records() if record["type"] in ("approved", "rejected")] == ["approved"]
    rejected = house.send(agent.name, "@@DIALOG@@", wait="delivered")
    wait_for(lambda: house.runtime(agent.name)["activity"] == "blocked", "the dialog")
    _post(house, agent, "answer", text="2")
    assert house.until(rejected["id"], "failed")["row"]["error"] == "interrupted"


def test_a_typed_answer_is_not_submitted(house: Root, new_peer: NewPeer) -> None:
    """`answer` with a text types it without Enter: it stands as a draft, and messages wait for it."""
    agent = new_peer()
    _post(house, agent, "start")
    assert "half a thought" in _post(house, agent, "answer", text="half a thought")["text"]
    sent = house.send(agent.name, "hello")
    assert (sent["outcome"], sent["reason"]) == ("queued", "draft")
    assert house.runtime(agent.name)["blocked_on"]["reason"] == "draft"
    _post(house, agent, "answer", key="C-u")
    house.until(sent["id"], "done")
    assert agent.bodies() == ["hello"]


def test_wait_returns_when_it_is_so_or_in_time(house: Root, new_peer: NewPeer) -> None:
    """asleep at once; live and idle after a start; idle only when the turn is over; in vain it ends with exit 4."""
    agent = new_peer()
    assert _wait(house, agent, "asleep", 0)["status"] == "asleep"
    with pytest.raises(TimedOut) as late:
        _wait(house, agent, "live", 0.1)
    assert late.value.exit_code == 4
    house.send(agent.name, "@@SLOW 0.6@@", wait="delivered")
    began = time.monotonic()
    assert _wait(house, agent, "live")["activity"] == "busy"
    assert _wait(house, agent, "idle")["activity"] == "idle"
    assert time.monotonic() - began > 0.3
    done = house.cli("wait", agent.name, "asleep", "--timeout", "0.2s")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1), done.stderr


def test_a_peer_that_is_being_woken_does_not_sleep(house: Root, new_peer: NewPeer) -> None:
    """From the moment its message is stored: who sends and then waits for its sleep waits for the work."""
    agent = new_peer()
    assert house.send(agent.name, "@@SLOW 0.3@@")["outcome"] == "queued"
    with pytest.raises(TimedOut):
        _wait(house, agent, "asleep", 0)


def test_a_session_can_be_waited_for_to_its_end(house: Root, new_peer: NewPeer) -> None:
    """`?wait_end_s` answers when the session ends, with its exit code; and in time when it does not."""
    agent = new_peer()
    session = _post(house, agent, "start")["session"]
    assert house.call("GET", f"/sessions/{session}", wait_end_s=0.1)["ended_ms"] is None
    house.send(agent.name, "@@SLOW 0.3@@ @@EXIT 7@@")
    ended = house.call("GET", f"/sessions/{session}", wait_end_s=10)
    assert (ended["exit_code"], ended["end_cause"]) == (7, "exit")


def test_a_launch_passes_arguments_and_finds_the_live_session(house: Root, new_peer: NewPeer) -> None:
    """`launch` starts the folder's peer with the extra arguments; when it lives already, that session is shown."""
    agent = new_peer()
    first = _post(house, agent, "launch", runtime="fake", args=["--model", "fake-2"])
    assert first["woke"]
    _wait(house, agent, "live")
    assert psutil.Process(agent.pid).cmdline()[-2:] == ["--model", "fake-2"]
    second = _post(house, agent, "launch", runtime="fake", args=[])
    assert (second["woke"], second["session"]) == (False, first["session"])
