"""Two vendors' agents talk to each other: a real Claude Code and a real Codex, with scripted models."""

from __future__ import annotations

import concurrent.futures
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fixtures.model_script import Answer, Request, Script, Tool
from iapeer.model.envelope import Envelope, decode
from iapeer.model.states import FINAL
from tests.harness import wait_for
from tests.real.conftest import Models, RealFleet, real_fleet

pytestmark = pytest.mark.real

Turn = Callable[[Envelope, tuple[str, ...]], Answer | None]


@pytest.fixture
def fleet(models: Models) -> Iterator[RealFleet]:
    """Alice, a Claude Code, and carol, a Codex, both awake."""
    with real_fleet(models) as made:
        made.start()
        made.claude("alice")
        made.codex("carol")
        for name in ("alice", "carol"):
            made.call("POST", f"/peers/{name}/start", {})
        yield made


def script(turn: Turn) -> Script:
    """A model that acts on the message of its turn, and on the results its tools gave in it."""

    def act(request: Request) -> Answer | None:
        said = [text for role, text in request.history if role == "user"]
        envelope = next((found for text in reversed(said) if (found := decode(text))), None)
        return turn(envelope, request.results) if envelope else None

    return act


def tell(peer: str, message: str, **more: Any) -> Answer:
    """The model sends to a peer."""
    wish = {"personality": peer, "message": message, **more}
    return Answer(text="I send.", tool=Tool("send_to_peer", wish, "iapeer"))


def say(text: str) -> Answer:
    """The model's last words."""
    return Answer(text=text)


def settled(fleet: RealFleet) -> list[dict[str, Any]]:
    """Every message there is, once all are final and both agents are at rest."""

    def over() -> bool:
        return all(row["state"] in FINAL for row in rows(fleet))

    wait_for(over, "every message to be final", 60)
    for name in ("alice", "carol"):
        fleet.call("GET", f"/peers/{name}/wait", state="idle", timeout_s=30)
    wait_for(over, "every message to stay final")
    return rows(fleet)


def rows(fleet: RealFleet) -> list[dict[str, Any]]:
    """Every message with its row, in the order they were accepted."""
    found = [fleet.message(event["message"]) for event in fleet.events("accepted")]
    return [{**one["message"], **{name: one["row"][name] for name in ("state", "outcome", "attempt")}} for one in found]


def typed_once(fleet: RealFleet, found: list[dict[str, Any]]) -> None:
    """What was to be typed reached a model exactly once, and nothing else did."""
    wanted = [row["id"] for row in found if row["outcome"] == "ok"]
    assert Counter(envelope.id for envelope in fleet.heard()) == Counter(wanted)
    assert {row["state"] for row in found} == {"done"}
    assert {row["attempt"] for row in found} == {1}
    assert not fleet.events("actor_error", "degraded")


def test_a_question_is_answered_in_the_call_that_waits(fleet: RealFleet) -> None:
    """Alice asks carol and waits: carol's last words are the result of alice's tool call, and are typed to nobody."""
    fleet.models.messages.script = script(
        lambda _, results: say(f"carol said: {results[-1]}") if results else tell("carol", "What is 6 x 7?", wait=True)
    )
    fleet.models.responses.script = script(lambda envelope, _: say(f"To {envelope.sender}: 42"))
    asked = fleet.cli("ask", "alice", "Find out.", check=True)
    assert asked.stdout.startswith("carol said: ")
    assert "To alice: 42" in asked.stdout
    found = settled(fleet)
    assert [(row["from"], row["to"], row["kind"]) for row in found] == [
        ("operator", "alice", "work"), ("alice", "carol", "work"), ("carol", "alice", "result"),
        ("alice", "operator", "result"),
    ]  # fmt: skip
    typed_once(fleet, found)
    path = fleet.message(found[1]["id"])
    assert [event["ev"] for event in path["events"]][-2:] == ["answered", "done"]
    assert path["reply"]["body"] == "To alice: 42"


def test_an_answer_comes_back_into_the_conversation_that_asked(fleet: RealFleet) -> None:
    """Alice's turn is over when carol asks back, waits, and then answers: all of it lands in the right conversation."""

    def alice(envelope: Envelope, results: tuple[str, ...]) -> Answer:
        if envelope.sender == "operator":
            return say("Asked.") if results else tell("carol", "Which lock is stale?", topic="locks")
        return say("The one of today.") if envelope.kind == "work" else say("Noted.")

    def carol(envelope: Envelope, results: tuple[str, ...]) -> Answer:
        if not results:
            return tell("alice", "Of which day?", wait=True, topic="locks")
        if "The one of today." in results[-1] and len(results) == 1:
            return tell("alice", "daemon.lock", re=envelope.id)
        return say("Answered.")

    fleet.models.messages.script, fleet.models.responses.script = script(alice), script(carol)
    fleet.send("alice", "The word is heron. Ask carol.", wait="done")
    wait_for(lambda: "daemon.lock" in fleet.bodies(), "carol's answer")
    found = settled(fleet)
    typed_once(fleet, found)
    question = next(row for row in found if row["body"] == "Which lock is stale?")
    answer = next(row for row in found if row["body"] == "daemon.lock")
    assert (answer["kind"], answer["re"], answer["topic"]) == ("result", question["id"], "locks")
    last = [request for request in fleet.models.messages.requests if "daemon.lock" in request.text][-1]
    told = [text for role, text in last.history if role == "user"]
    assert [word for word in ("heron", "Of which day?", "daemon.lock") if not any(word in text for text in told)] == []
    assert fleet.runtime("alice")["topics"] == ["locks"]


def test_three_rounds_on_two_topics_stay_apart(fleet: RealFleet) -> None:
    """Two talks, interleaved, each of three questions and answers: each answer names its own question and topic.

    The first answers come as messages, while the other talk is under way; the later ones into calls that wait.
    """

    def alice(envelope: Envelope, results: tuple[str, ...]) -> Answer:
        topic = str(envelope.topic)
        if envelope.sender == "operator":
            return say("Asked.") if results else tell("carol", f"{topic}, question 1", topic=topic)
        asked = next((n for n in (3, 2) if any(f"answer to {topic}, question {n}" in text for text in results)), 1)
        return say(f"{topic}: over") if asked == 3 else tell("carol", f"{topic}, question {asked + 1}", wait=True)

    def carol(envelope: Envelope, results: tuple[str, ...]) -> Answer:
        answer = f"answer to {envelope.body}"
        if envelope.body.endswith("question 1") and not results:
            return tell("alice", answer, re=envelope.id)
        return say(answer)

    fleet.models.messages.script, fleet.models.responses.script = script(alice), script(carol)
    for topic in ("ships", "birds"):
        fleet.send("alice", f"Ask carol about {topic}.", topic=topic)
    wait_for(lambda: sum(row["from"] == "carol" for row in rows(fleet)) == 6, "six answers", 60)
    found = settled(fleet)
    by_id = {row["id"]: row for row in found}
    answers = [row for row in found if row["from"] == "carol"]
    assert Counter(row["body"] for row in answers) == Counter(
        f"answer to {topic}, question {number}" for topic in ("ships", "birds") for number in (1, 2, 3)
    )
    for row in answers:
        question = by_id[row["re"]]
        assert (row["body"], row["topic"]) == (f"answer to {question['body']}", question["topic"])
        assert row["outcome"] == ("ok" if row["body"].endswith("1") else "returned to the call that waited for it")
    talk = [row["topic"] for row in found if row["from"] == "alice"]
    assert (sorted(talk), talk[:2]) == (["birds"] * 3 + ["ships"] * 3, ["ships", "birds"])
    typed_once(fleet, found)


def test_thanks_for_thanks_end(fleet: RealFleet) -> None:
    """Both always answer what comes from the other: the first answer is heard, the thanks for it is only stored."""

    def polite(envelope: Envelope, results: tuple[str, ...]) -> Answer:
        other = "carol" if envelope.sender in ("operator", "carol") else "alice"
        return say("Sent.") if results else tell(other, f"Thank you for: {envelope.body[:40]}")

    fleet.models.messages.script = fleet.models.responses.script = script(polite)
    fleet.send("alice", "Begin.", wait="done")
    found = settled(fleet)
    assert [(row["from"], row["kind"], row["outcome"]) for row in found] == [
        ("operator", "work", "ok"), ("alice", "work", "ok"), ("carol", "result", "ok"),
        ("alice", "result", "informational"),
    ]  # fmt: skip
    typed_once(fleet, found)
    assert [row["preview"] for row in fleet.call("GET", "/peers/carol/inbox")["rows"]][-1].startswith("Thank you for")


def test_twenty_senders_at_once_lose_and_double_nothing(fleet: RealFleet) -> None:
    """Twenty send to both at the same moment, while the two ask each other: every message final, each heard once."""
    barrier = threading.Barrier(20)

    def turn(envelope: Envelope, results: tuple[str, ...]) -> Answer | None:
        if envelope.body.startswith("ask") and not results:
            return tell(envelope.body.split()[1], f"question of {envelope.body}")
        return None

    fleet.models.messages.script = fleet.models.responses.script = script(turn)

    def send(number: int) -> str:
        barrier.wait()
        to, other = ("alice", "carol") if number % 2 else ("carol", "alice")
        body = f"ask {other} {number}" if number < 4 else f"message {number}"
        return str(fleet.send(to, body)["id"])

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        sent = list(pool.map(send, range(20)))
    found = settled(fleet)
    assert set(sent) <= {row["id"] for row in found}
    assert len(found) == 24
    typed_once(fleet, found)
