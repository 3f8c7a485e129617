"""Two agents that go back and forth too fast are held, and go on as the window passes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import pytest

from tests.harness import Agent, Root, throw_away_root, wait_for
from tests.whole.daemon.tools import fresh_name, in_turn, say

WINDOW_S = 5
ALLOWED = 7  # six changes of direction


@pytest.fixture(scope="module")
def lively() -> Iterator[Root]:
    """A house with a short window."""
    with throw_away_root() as made:
        made.start(IAPEER_LOOP_WINDOW_SECS=str(WINDOW_S))
        yield made


@pytest.fixture
def pair(lively: Root) -> tuple[Agent, Agent]:
    """Two live peers that have not spoken yet."""
    agents = lively.peer(fresh_name()), lively.peer(fresh_name())
    for agent in agents:
        lively.send(agent.name, "hello", wait="done")
    return agents


def _to_and_fro(root: Root, pair: tuple[Agent, Agent], **more: Any) -> Agent:
    """As many messages as may go; who would send the next."""
    one, other = pair
    for number in range(ALLOWED):
        sent = say(root, one, other.name, f"number {number}", wait="done", **more)
        assert sent["outcome"] == "delivered", sent
        one, other = other, one
    return one


def _other(pair: tuple[Agent, Agent], agent: Agent) -> Agent:
    return pair[1] if agent is pair[0] else pair[0]


def test_a_loop_is_held_and_let_go_one_by_one(lively: Root, pair: tuple[Agent, Agent]) -> None:
    """The eighth says so, others on the topic queue behind it, each goes as the window passes; the order stays."""
    next_one = _to_and_fro(lively, pair)
    held = []
    for number, agent in enumerate(islice(cycle((next_one, _other(pair, next_one))), 3)):
        held.append(say(lively, agent, _other(pair, agent).name, f"held {number}"))
    assert {(sent["outcome"], sent["reason"], sent["state"]) for sent in held} == {("queued", "loop", "held")}
    accepted = [lively.message(sent["id"])["events"][0] for sent in held]
    assert [(event["ev"], event["to"], event["reason"]) for event in accepted] == [("accepted", "held", "loop")] * 3
    elsewhere = say(lively, next_one, _other(pair, next_one).name, "another matter", topic="else", wait="done")
    assert elsewhere["outcome"] == "delivered"
    told = lively.send(_other(pair, next_one).name, "from a person", wait="done")
    assert told["outcome"] == "delivered"
    stories = [lively.until(sent["id"], "done") for sent in held]
    let_go = [next(event for event in story["events"] if event["ev"] == "queued") for story in stories]
    assert [event["seq"] for event in let_go] == sorted(event["seq"] for event in let_go)
    due = [story["message"]["at_ms"] for story in stories]
    assert all(event["ts"] >= at for event, at in zip(let_go, due, strict=True))
    first = [lively.message(ident)["message"]["created_ms"] for ident in _sent(lively, pair)[:3]]
    assert due == [when + WINDOW_S * 1000 for when in first]  # each takes the place of the one that left the window


def _sent(root: Root, pair: tuple[Agent, Agent]) -> list[str]:
    """What the two sent each other, in order."""
    names = {agent.name for agent in pair}
    return [event["message"] for event in root.events("accepted") if {event["sender"], event["personality"]} == names]


@pytest.mark.parametrize("how", ["re", "implicit", "last words"])
def test_an_open_question_is_always_answered(lively: Root, pair: tuple[Agent, Agent], how: str) -> None:
    """However fast the two have been; a second word on it is one more of the loop."""
    one = _to_and_fro(lively, pair)
    other = _other(pair, one)
    with in_turn(lively, one, "@@SAY last words@@", other, asks=True) as asked:
        if how != "last words":
            said = say(lively, one, other.name, "an answer", **({"re": asked} if how == "re" else {}))
            assert said["state"] != "held"
            more = say(lively, one, other.name, "and more", re=asked)
            assert (more["state"], more["reason"]) == ("held", "loop")
    answer = lively.message(asked)["reply"]["id"]
    assert "held" not in [event["to"] for event in lively.until(answer, "done")["events"] if "to" in event]


def test_stop_and_start_keep_the_hold(lively: Root, pair: tuple[Agent, Agent]) -> None:
    """Held it stays while its time has not come; when it comes and the peer is stopped, it waits for the start."""
    one = _to_and_fro(lively, pair)
    other = _other(pair, one)
    held = say(lively, one, other.name, "held")["id"]
    lively.call("POST", f"/peers/{other.name}/stop", {})
    lively.call("POST", f"/peers/{other.name}/start", {})
    assert lively.message(held)["row"]["reason"] == "loop"
    lively.call("POST", f"/peers/{other.name}/stop", {})
    row = wait_for(lambda: _reason(lively, held, "stopped"), "the hold to be the stop's")
    assert row["state"] == "held"
    before = other.bodies()
    lively.call("POST", f"/peers/{other.name}/start", {})
    lively.until(held, "done")
    assert other.bodies() == [*before, "held"]


def _reason(root: Root, ident: str, reason: str) -> dict[str, Any] | None:
    row = dict(root.message(ident)["row"])
    return row if row["reason"] == reason else None


def test_a_scheduled_message_holds_nobody_up(lively: Root, pair: tuple[Agent, Agent]) -> None:
    """What is due tomorrow is no word of today."""
    one, other = pair
    tomorrow = lively.events()[-1]["ts"] + 86_400_000
    assert say(lively, one, other.name, "tomorrow", at_ms=tomorrow)["reason"] == "scheduled"
    assert say(lively, other, one.name, "today", wait="done")["outcome"] == "delivered"
