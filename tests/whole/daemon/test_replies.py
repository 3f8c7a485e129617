"""Questions and answers: what is an answer, whom it reaches, what wakes, and what is told when there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iapeer.model.envelope import Envelope
from iapeer.model.errors import Refused
from tests.harness import Agent, Root, throw_away_root, wait_for
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import Held, adapter_copy, ask_as, fresh_name, in_turn, say, token_of


@pytest.fixture(scope="module")
def pair(house: Root) -> Iterator[tuple[Agent, Agent]]:
    """Two live peers, for the tests that leave them so."""
    agents = house.peer(fresh_name()), house.peer(fresh_name())
    for agent in agents:
        house.send(agent.name, "hello", wait="done")
    yield agents
    for agent in agents:
        house.call("DELETE", f"/peers/{agent.name}", force=1)


@pytest.fixture
def topic() -> str:
    """A topic of the test's own: loops are counted by topic."""
    return f"topic-{fresh_name()}"


def _ends(house: Root, ident: str) -> dict[str, Any]:
    return house.until(ident, "done", "failed", "dead", "expired")


def _turn_on(agent: Agent, ident: str) -> Envelope:
    """What arrived with this id, once it is a turn."""
    return wait_for(lambda: next((turn for turn in agent.turns() if turn.id == ident), None), f"{ident} to arrive")


def _turn_re(agent: Agent, ident: str) -> Envelope:
    """What arrived that names this id."""
    return wait_for(lambda: next((turn for turn in agent.turns() if turn.re == ident), None), f"a word on {ident}")


def test_the_operator_asks(house: Root, pair: tuple[Agent, Agent], topic: str) -> None:
    """The last words are the answer: in the call, in the question's story, and where the operator reads."""
    alice, _ = pair
    sent = house.send(alice.name, "@@SAY forty-two@@", topic=topic, wait="reply")
    assert (sent["outcome"], sent["reply"]["body"], sent["reply"]["from"]) == ("delivered", "forty-two", alice.name)
    _ends(house, sent["id"])
    story = house.message(sent["id"])
    assert story["message"]["asks"]
    assert story["reply"] == sent["reply"]
    assert [reply["id"] for reply in story["replies"]] == [sent["reply"]["id"]]
    assert house.steps(sent["id"])[-2:] == ["answered", "done"]
    rows = house.call("GET", "/peers/operator/inbox")["rows"]
    row = next(row for row in rows if row["message"] == sent["reply"]["id"])
    assert (row["state"], row["outcome"], row["from"]) == ("done", "informational", alice.name)
    answer = house.message(sent["reply"]["id"])["message"]
    assert (answer["kind"], answer["re"], answer["topic"], answer["to"]) == ("result", sent["id"], topic, "operator")


@pytest.mark.parametrize("by_name", [True, False])
def test_what_a_session_sends_its_asker_is_the_answer(
    house: Root, pair: tuple[Agent, Agent], topic: str, by_name: bool
) -> None:
    """With `re`, or to the author of what it works on: one answer, on the same topic; the last words are none then."""
    alice, bob = pair
    with in_turn(house, alice, "@@SAY last words@@", bob, topic=topic, asks=True) as asked:
        answer = say(house, alice, bob.name, "here", **({"re": asked} if by_name else {}))
    told = house.message(answer["id"])["message"]
    assert (told["kind"], told["re"], told["topic"]) == ("result", asked, topic)
    arrived = _turn_on(bob, answer["id"])
    assert (arrived.re, arrived.kind, arrived.topic, arrived.body) == (asked, "result", topic, "here")
    assert [reply["id"] for reply in house.message(asked)["replies"]] == [answer["id"]]


def test_a_session_may_say_more_than_its_answer(house: Root, pair: tuple[Agent, Agent], topic: str) -> None:
    """A second word on the same question arrives too; what it sends to others is work of its own."""
    alice, bob = pair
    with in_turn(house, alice, "", bob, topic=topic) as asked:
        both = [say(house, alice, bob.name, body)["id"] for body in ("first", "second")]
        other = say(house, alice, "operator", "by the way")
    assert [house.message(ident)["message"]["re"] for ident in (*both, other["id"])] == [asked, asked, None]
    assert [_turn_on(bob, ident).body for ident in both] == ["first", "second"]
    assert house.message(asked)["reply"]["body"] == "first"


def test_a_namesake_did_not_ask(house: Root, new_peer: NewPeer) -> None:
    """Who asked was removed; what is sent to the new peer of that name is work to it, and no answer to its message."""
    alice, bob = new_peer(), new_peer()
    house.send(bob.name, "hello", wait="done")
    with in_turn(house, alice, "@@SAY last words@@", bob, asks=True) as asked:
        house.call("DELETE", f"/peers/{bob.name}", force=1)
        house.call("POST", "/peers", {"dir": str(bob.folder), "runtime": "fake", "trust": True})
        named = say(house, alice, bob.name, "here", re=asked)["id"]
        unnamed = say(house, alice, bob.name, "there")["id"]
    assert [_turn_on(bob, ident).kind for ident in (named, unnamed)] == ["work", "work"]
    story = house.message(asked)
    assert (story["row"]["state"], story["reply"]) == ("done", None)


def test_only_the_words_of_its_own_turn_answer(house: Root, pair: tuple[Agent, Agent], topic: str) -> None:
    """A turn that says nothing answers nothing: the operator reads no-reply, a peer is sent a notice."""
    alice, bob = pair
    house.send(alice.name, "@@SAY words of an earlier turn@@", wait="done")
    sent = house.send(alice.name, "@@SAY@@", topic=topic, wait="reply")
    assert (sent["state"], sent["reason"], sent["reply"]) == ("done", "no-reply", None)
    asked = say(house, bob, alice.name, "@@SAY@@", asks=True, topic=topic)["id"]
    notice = _turn_re(bob, asked)
    assert (notice.sender, notice.kind) == ("iapeer", "result")
    assert asked in notice.body
    assert "without an answer" in notice.body
    assert house.message(asked)["reply"] is None


def test_nobody_is_answered_who_did_not_ask(house: Root, pair: tuple[Agent, Agent], topic: str) -> None:
    """The last words of a turn stay where they are."""
    alice, bob = pair
    ident = say(house, bob, alice.name, "just so you know", topic=topic, wait="done")["id"]
    assert house.message(ident)["replies"] == []


def test_an_answer_too_long_arrives_whole(house: Root, pair: tuple[Agent, Agent], topic: str) -> None:
    """Its beginning as the body, all of it as a file."""
    alice, bob = pair
    body = "ö" * 15_990 + "the end"
    asked = say(house, bob, alice.name, body, asks=True, topic=topic)["id"]
    answer = _turn_re(bob, asked)
    assert answer.body.startswith("ECHO: öööö")
    assert len(answer.body) <= 16_000
    assert answer.body.endswith("all 16003 characters are in the attached file]")
    assert [Path(path).read_text() for path in answer.attachments] == [f"ECHO: {body}"]


@pytest.fixture(scope="module")
def twofold(house: Root) -> Iterator[Agent]:
    """A live peer with two live runtimes, `fake` and `fakeb`."""
    adapter_copy(house, "fakeb")
    agent = house.peer(fresh_name())
    launch = agent.folder / ".iapeer" / "runtimes" / "fakeb" / "launch.env"
    launch.parent.mkdir(parents=True)
    launch.write_text((agent.folder / ".iapeer" / "runtimes" / "fake" / "launch.env").read_text())
    house.call("POST", f"/peers/{agent.name}/runtimes", {"runtime": "fakeb"})
    agent.trust()
    for runtime in ("fake", "fakeb"):
        house.call("POST", f"/peers/{agent.name}/start", {"runtime": runtime})
    yield agent
    house.call("DELETE", f"/peers/{agent.name}", force=1)


def _token_of_second(house: Root, agent: Agent) -> str:
    second = house.call("GET", f"/peers/{agent.name}")["peer"]["runtimes"][1]
    pairs = Path(f"/proc/{second['pid']}/environ").read_bytes().decode().split("\0")
    return dict(pair.partition("=")[::2] for pair in pairs)["IAPEER_TOKEN"]


@pytest.mark.parametrize("how", ["last words", "re", "implicit"])
def test_an_answer_goes_to_the_runtime_that_asked(
    house: Root, pair: tuple[Agent, Agent], twofold: Agent, topic: str, how: str
) -> None:
    """And not to the default one, which is as live."""
    alice, _ = pair
    held = Held(house)
    wish = {"to": alice.name, "body": held.words, "asks": True, "topic": topic, "wait": "delivered"}
    asked = ask_as(house, _token_of_second(house, twofold), "/send", wish)["id"]
    if how != "last words":
        say(house, alice, twofold.name, "here", **({"re": asked} if how == "re" else {}))
    held.let_go()
    _ends(house, asked)
    reply = house.message(asked)["reply"]["id"]
    assert house.message(reply)["row"]["identity"] == f"fakeb-{twofold.name}"
    _turn_on(twofold, reply)


def _answer_of(house: Root, alice: Agent, bob: Agent, topic: str) -> str:
    """The id of alice's answer to a question of bob's, once bob has read it."""
    asked = say(house, bob, alice.name, "a question", asks=True, topic=topic)["id"]
    answer = _turn_re(bob, asked).id
    _ends(house, answer)
    return answer


def test_thanks_are_only_to_be_read(house: Root, pair: tuple[Agent, Agent], new_peer: NewPeer, topic: str) -> None:
    """What names a result is one: stored and shown, never typed, and nobody is woken for it."""
    _, bob = pair
    carol = new_peer()
    answer = _answer_of(house, carol, bob, topic)
    house.send(carol.name, "@@EXIT 0@@", wait="done")
    house.call("GET", f"/peers/{carol.name}/wait", state="asleep", timeout_s=10)
    before = carol.bodies()
    sent = say(house, bob, carol.name, "thanks", re=answer)
    assert (sent["outcome"], sent["reason"], sent["state"], sent["woke"]) == ("queued", "informational", "done", False)
    told = house.message(sent["id"])
    assert (told["message"]["body"], told["message"]["kind"], told["message"]["topic"]) == ("thanks", "result", topic)
    row = house.call("GET", f"/peers/{carol.name}/inbox")["rows"][-1]
    assert (row["message"], row["outcome"]) == (sent["id"], "informational")
    house.send(carol.name, "afterwards", wait="done")
    assert carol.bodies() == [*before, "afterwards"]


def test_thanks_from_the_turn_of_the_answer_are_thanks_too(house: Root, pair: tuple[Agent, Agent], topic: str) -> None:
    """Without `re`: bob works on alice's answer, and what he sends her is about it, unless he asks anew."""
    alice, bob = pair
    held = Held(house)
    with in_turn(house, alice, "", bob, topic=topic, asks=True):
        answer = say(house, alice, bob.name, held.words, wait="delivered")["id"]
    thanks = say(house, bob, alice.name, "thanks")
    assert (thanks["reason"], house.message(thanks["id"])["message"]["re"]) == ("informational", answer)
    more = say(house, bob, alice.name, "and what else?", asks=True, topic=topic)
    held.let_go()
    assert house.message(more["id"])["message"]["kind"] == "work"
    _turn_on(alice, more["id"])
    _ends(house, more["id"])
    assert thanks["id"] not in [turn.id for turn in alice.turns()]


def test_a_persons_thanks_are_heard(house: Root, pair: tuple[Agent, Agent], topic: str) -> None:
    """The operator's word on a result wakes, as every word of theirs."""
    alice, bob = pair
    sent = house.send(alice.name, "well done", re=_answer_of(house, alice, bob, topic), wait="done")
    assert sent["outcome"] == "delivered"
    assert (_turn_on(alice, sent["id"]).kind, _turn_on(alice, sent["id"]).body) == ("result", "well done")


@pytest.mark.parametrize("by_name", [True, False])
def test_a_question_back_is_work(house: Root, pair: tuple[Agent, Agent], topic: str, by_name: bool) -> None:
    """It wakes, on the same topic, is not the answer, and is answered itself; the last words still answer."""
    alice, bob = pair
    with in_turn(house, alice, "@@SAY so it is@@", bob, topic=topic, asks=True) as asked:
        more = {"re": asked} if by_name else {}
        back = say(house, alice, bob.name, "@@SAY the green one@@", asks=True, **more)["id"]
        assert (_turn_on(bob, back).kind, _turn_on(bob, back).topic) == ("work", topic)
        assert house.message(asked)["reply"] is None
        _ends(house, back)
        assert house.message(back)["reply"]["body"] == "the green one"
    assert house.message(asked)["reply"]["body"] == "so it is"
    _turn_on(alice, house.message(back)["reply"]["id"])


def test_the_operator_answers_a_peer(house: Root, pair: tuple[Agent, Agent], topic: str) -> None:
    """A question to the operator waits for a person, not for a turn; the answer reaches who asked."""
    alice, _ = pair
    asked = say(house, alice, "operator", "may I?", asks=True, topic=topic)
    assert (asked["reason"], asked["reply"]) == ("informational", None)
    answer = house.send(alice.name, "you may", re=asked["id"], wait="done")
    arrived = _turn_on(alice, answer["id"])
    assert (arrived.sender, arrived.kind, arrived.re, arrived.topic) == ("operator", "result", asked["id"], topic)
    assert house.message(asked["id"])["reply"]["body"] == "you may"


def test_an_answer_to_nothing_is_refused(house: Root, pair: tuple[Agent, Agent]) -> None:
    """`re` names a message there is."""
    alice, _ = pair
    last = house.events()[-1]["seq"]
    with pytest.raises(Refused) as refused:
        house.send(alice.name, "as you asked", re="no-such-id")
    assert refused.value.code == "unknown-message"
    assert house.events()[-1]["seq"] == last


def test_a_peer_hears_of_a_failure(house: Root, pair: tuple[Agent, Agent], topic: str) -> None:
    """By a result of the house that names the message and says why."""
    alice, bob = pair
    failed = say(house, bob, alice.name, "@@ERROR out of paper@@", topic=topic)["id"]
    notice = _turn_re(bob, failed)
    assert (notice.sender, notice.kind, notice.intelligence, notice.topic) == ("iapeer", "result", "absent", topic)
    assert "out of paper" in notice.body
    assert house.message(failed)["reply"] is None


def test_a_notice_causes_none(house: Root, pair: tuple[Agent, Agent], new_peer: NewPeer) -> None:
    """It ends badly itself: nobody is told of that."""
    alice, _ = pair
    bob = new_peer()
    house.send(bob.name, "hello", wait="done")
    with in_turn(house, alice, "@@ERROR no@@", bob) as failed:
        house.call("POST", f"/peers/{bob.name}/stop", {})
    _ends(house, failed)
    row = house.call("GET", f"/peers/{bob.name}/inbox")["rows"][-1]
    assert (row["from"], row["state"], row["reason"]) == ("iapeer", "held", "stopped")
    house.call("DELETE", f"/peers/{bob.name}", force=1)
    story = house.message(row["message"])
    assert story["row"]["state"] == "dead"
    assert [event for event in house.events("accepted") if event["re"] == row["message"]] == []


def test_a_namesake_hears_nothing(house: Root, pair: tuple[Agent, Agent]) -> None:
    """Who was removed asked; a peer of that name made afterwards is neither answered nor told."""
    alice, _ = pair
    bob = house.peer(fresh_name())
    house.send(bob.name, "hello", wait="done")
    with in_turn(house, alice, "@@SAY the answer@@", bob, asks=True) as asked:
        house.call("DELETE", f"/peers/{bob.name}", force=1)
        house.call("POST", "/peers", {"dir": str(bob.folder), "runtime": "fake", "trust": True})
    _ends(house, asked)
    assert house.call("GET", f"/peers/{bob.name}/inbox")["rows"] == []
    house.call("DELETE", f"/peers/{bob.name}", force=1)


@pytest.mark.parametrize("point", ["answer:before", "answer:after"])
def test_killed_around_the_answer(point: str) -> None:
    """One answer, whichever daemon gives it, and both messages are over."""
    with throw_away_root() as root:
        root.start()
        alice, bob = root.peer("alice"), root.peer("bob")
        for agent in (alice, bob):
            root.send(agent.name, "hello", wait="done")
        token = token_of(bob)
        root.kill()
        root.start(fault=point)
        with pytest.raises((OSError, ValueError)):
            ask_as(root, token, "/send", {"to": "alice", "body": "@@SAY once@@", "asks": True, "wait": "reply"})
        root.wait_dead()
        root.start()
        asked = root.call("GET", "/peers/alice/inbox")["rows"][-1]["message"]
        _ends(root, asked)
        replies = [reply["id"] for reply in root.message(asked)["replies"]]
        assert len(replies) == 1
        _ends(root, replies[0])
        assert [root.state(ident) for ident in (asked, *replies)] == ["done", "done"]
        root.send("bob", "afterwards", wait="done")
        assert bob.bodies() == ["hello", "once", "afterwards"]
        assert alice.bodies() == ["hello", "@@SAY once@@"]
