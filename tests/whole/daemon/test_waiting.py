"""Calls of sessions that wait for an answer: it comes once, in the call or in the session; none wait in circles."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from iapeer.model.errors import Refused, TimedOut
from tests.harness import Agent, Root, wait_for
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import Held, Unix, ask, in_turn, say, token_of
from tests.whole.faults.kit import background

TAKEN = "returned to the call that waited for it"


@pytest.fixture
def three(house: Root, new_peer: NewPeer) -> tuple[Agent, Agent, Agent]:
    """Three live peers."""
    agents = new_peer(), new_peer(), new_peer()
    for agent in agents:
        house.send(agent.name, "hello", wait="done")
    return agents


def _read_next(house: Root, agent: Agent) -> list[str]:
    """The bodies that the agent was given, once all that waits for it was typed."""
    house.send(agent.name, "marker", wait="done")
    return agent.bodies()


def test_an_answer_comes_in_the_call_and_is_not_typed(house: Root, three: tuple[Agent, Agent, Agent]) -> None:
    """The asker is in its turn meanwhile; both messages are over."""
    alice, bob, _ = three
    with in_turn(house, bob):
        sent = say(house, bob, alice.name, "@@SAY blue@@", wait="reply")
    assert (sent["reply"]["body"], sent["reply"]["from"]) == ("blue", alice.name)
    row = house.message(sent["reply"]["id"])["row"]
    assert (row["state"], row["outcome"]) == ("done", TAKEN)
    assert house.steps(sent["reply"]["id"]) == ["accepted", "done"]
    assert _read_next(house, bob)[-1] == "marker"
    assert "blue" not in bob.bodies()
    assert house.until(sent["id"], "done")["reply"]["body"] == "blue"


def test_an_explicit_answer_ends_the_wait_before_the_turn(house: Root, three: tuple[Agent, Agent, Agent]) -> None:
    """The one who answers may go on working."""
    alice, bob, _ = three
    held = Held(house)
    call = background(lambda: say(house, bob, alice.name, held.words, wait="reply"))
    wait_for(lambda: len(alice.bodies()) == 2, "the question")
    say(house, alice, bob.name, "blue")
    sent = call()
    assert (sent["reply"]["body"], house.state(sent["id"])) == ("blue", "running")
    held.let_go()
    house.until(sent["id"], "done")
    assert _read_next(house, bob) == ["hello", "marker"]


def test_an_answer_that_comes_too_late_is_typed(house: Root, three: tuple[Agent, Agent, Agent]) -> None:
    """The call gave up: it says so, and the answer goes into the session."""
    alice, bob, _ = three
    held = Held(house)
    with pytest.raises(TimedOut, match="goes on"):
        say(house, bob, alice.name, f"@@SAY late@@{held.words}", wait="reply", timeout_s=0.2)
    held.let_go()
    wait_for(lambda: "late" in bob.bodies(), "the late answer")
    assert _read_next(house, bob) == ["hello", "late", "marker"]


@contextlib.contextmanager
def _waits(house: Root, agent: Agent, to: str, body: str, **more: Any) -> Iterator[Unix]:
    """A call of the agent's that has begun to wait; it hangs up at the end of the block."""
    connection = Unix(house.socket)
    wish = {"to": to, "body": body, "wait": "reply", **more}
    before = len(house.events("accepted", peer=to))
    with contextlib.closing(connection):
        headers = {"Authorization": f"Bearer {token_of(agent)}"}
        connection.request("POST", "/fleet/v1/send", json.dumps(wish), headers)
        wait_for(lambda: len(house.events("accepted", peer=to)) > before, "the call to be waiting")
        yield connection


def test_a_caller_that_hangs_up_is_answered_in_its_session(house: Root, three: tuple[Agent, Agent, Agent]) -> None:
    """Nothing is lost with the connection."""
    alice, bob, _ = three
    held = Held(house)
    with _waits(house, bob, alice.name, f"@@SAY still here@@{held.words}"):
        pass
    held.let_go()
    wait_for(lambda: "still here" in bob.bodies(), "the answer")
    assert _read_next(house, bob) == ["hello", "still here", "marker"]


def test_a_session_that_ends_while_it_waits_is_answered_in_its_next(
    house: Root, three: tuple[Agent, Agent, Agent]
) -> None:
    """The call's answer is worth nothing then; a stopped peer's is held."""
    alice, bob, _ = three
    held = Held(house)
    with _waits(house, bob, alice.name, f"@@SAY blue@@{held.words}"):
        house.call("POST", f"/peers/{bob.name}/stop", {})
        held.let_go()
        wait_for(lambda: len(house.call("GET", f"/peers/{bob.name}/inbox")["rows"]) == 2, "the answer")
    row = house.call("GET", f"/peers/{bob.name}/inbox")["rows"][-1]
    assert (row["state"], row["reason"]) == ("held", "stopped")
    house.call("POST", f"/peers/{bob.name}/start", {})
    wait_for(lambda: bob.bodies()[-1] == "blue", "the answer in the new session")


def test_two_calls_may_wait_for_one_answer(house: Root, three: tuple[Agent, Agent, Agent]) -> None:
    """The same message by its key: both are given the answer, and it is not typed."""
    alice, bob, _ = three
    held = Held(house)
    calls = [
        background(lambda: say(house, bob, alice.name, f"@@SAY blue@@{held.words}", wait="reply", key="k"))
        for _ in range(2)
    ]
    first = wait_for(lambda: house.events("running", "delivered", peer=alice.name)[1:], "the question")[0]["message"]
    with pytest.raises(TimedOut):
        say(house, bob, alice.name, f"@@SAY blue@@{held.words}", wait="reply", key="k", timeout_s=0.1)
    held.let_go()
    assert [call()["reply"]["body"] for call in calls] == ["blue", "blue"]
    assert _read_next(house, bob) == ["hello", "marker"]
    assert [call()["id"] for call in calls] == [first, first]


def test_an_answer_can_be_waited_for_later(house: Root, three: tuple[Agent, Agent, Agent]) -> None:
    """GET by the session that asked counts as its wait: the answer is not typed as well."""
    alice, bob, _ = three
    held = Held(house)
    asked = say(house, bob, alice.name, f"@@SAY blue@@{held.words}", asks=True)["id"]
    headers = {"Authorization": f"Bearer {token_of(bob)}"}
    call = background(lambda: ask(house, "GET", f"/messages/{asked}?wait=reply&timeout_s=20", **headers))
    with pytest.raises(Refused, match="waits for an answer"):
        wait_for(lambda: _try_circle(house, alice, bob), "the wait to be known")
    held.let_go()
    status, answer = call()
    assert (status, answer["reply"]["body"]) == (200, "blue")
    assert _read_next(house, bob) == ["hello", "marker"]


def _try_circle(house: Root, agent: Agent, on: Agent) -> None:
    """Refused as soon as `on` is known to wait for the agent."""
    before = len(house.events("accepted", peer=on.name))
    try:
        say(house, agent, on.name, "@@SAY no@@", wait="done", timeout_s=0, expires_ms=2**50, at_ms=2**49)
    except TimedOut:
        assert len(house.events("accepted", peer=on.name)) == before + 1


@pytest.mark.parametrize("wait", ["reply", "done", "delivered"])
def test_two_do_not_wait_for_each_other(house: Root, three: tuple[Agent, Agent, Agent], wait: str) -> None:
    """The second is refused, and nothing of it is stored."""
    alice, bob, _ = three
    with in_turn(house, alice), _waits(house, bob, alice.name, "you?", wait=wait):  # not even delivered meanwhile
        last = house.events()[-1]["seq"]
        with pytest.raises(Refused, match=bob.name) as refused:
            say(house, alice, bob.name, "and you?", wait=wait)
        assert refused.value.code == "wait-circle"
        assert [event for event in house.events("accepted") if event["seq"] > last] == []
        assert say(house, alice, bob.name, "without waiting")["outcome"] in ("queued", "delivered")


def test_a_repeated_call_does_not_close_a_circle_either(house: Root, three: tuple[Agent, Agent, Agent]) -> None:
    """Its message was taken when nobody waited; it is not taken again, and still may not be waited for."""
    alice, bob, _ = three
    held = Held(house)
    wish = {"key": "k2", "topic": "t"}
    house.send(bob.name, held.words, wait="delivered")
    sent = say(house, alice, bob.name, "and you?", **wish)
    with _waits(house, bob, alice.name, held.words):
        with pytest.raises(Refused) as refused:
            say(house, alice, bob.name, "and you?", **wish, wait="done")
        assert refused.value.code == "wait-circle"
        assert say(house, alice, bob.name, "and you?", **wish)["id"] == sent["id"]
    held.let_go()
    house.until(sent["id"], "done")
    assert say(house, alice, bob.name, "and you?", **wish, wait="done")["id"] == sent["id"]


def test_three_do_not_wait_in_a_circle(house: Root, three: tuple[Agent, Agent, Agent]) -> None:
    """Whoever would close it is refused; when one of them hangs up, there is none."""
    alice, bob, carol = three
    a, b = Held(house), Held(house)
    with _waits(house, bob, alice.name, a.words), _waits(house, carol, bob.name, b.words):
        with pytest.raises(Refused) as refused:
            say(house, alice, carol.name, "and you?", wait="reply")
        assert refused.value.code == "wait-circle"
    # Both hung up. The daemon notices by itself, long before an answer comes.
    sent = wait_for(lambda: _unless_circle(house, alice, carol), "the circle to be open")
    assert sent["outcome"] == "delivered"
    a.let_go()
    b.let_go()


def _unless_circle(house: Root, agent: Agent, to: Agent) -> dict[str, Any] | None:
    with contextlib.suppress(Refused):
        return say(house, agent, to.name, "and you?", wait="done")
    return None
