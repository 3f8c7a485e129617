"""Keys: the same call again is the same message. Batches: all of it or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from iapeer.mail.request import MAX_BATCH
from iapeer.model.errors import PeerError, Refused, Usage
from tests.harness import Agent, Root
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import adapter_copy, in_turn, say


@pytest.fixture
def alice(house: Root, new_peer: NewPeer) -> Agent:
    """A live peer."""
    agent = new_peer()
    house.send(agent.name, "hello", wait="done")
    return agent


@pytest.mark.parametrize("first", [None, "delivered", "done", "reply"])
def test_the_same_call_again_is_the_same_message(house: Root, alice: Agent, first: str | None) -> None:
    """While it waits and when it is over, whatever the call waits for: what was stored is told, nothing is new."""
    wish: dict[str, Any] = {"topic": "t", "key": f"key of {alice.name}"}
    with in_turn(house, alice):
        ident = house.send(alice.name, "once", **wish)["id"] if first is None else None
        if ident is not None:
            assert house.send(alice.name, "once", **wish)["id"] == ident
    sent = house.send(alice.name, "once", **wish, wait=first)
    assert ident in (None, sent["id"])
    house.until(sent["id"], "done")
    for wait in (None, "delivered", "done", "reply"):
        again = house.send(alice.name, "once", **wish, wait=wait)
        assert (again["id"], again["state"], again["outcome"]) == (sent["id"], "done", "delivered"), wait
        assert (again["reply"] is not None) == (first == wait == "reply")
    assert alice.bodies().count("once") == 1
    assert len([event for event in house.events("accepted", peer=alice.name) if event["message"] == sent["id"]]) == 1


def test_a_key_stands_for_one_content(house: Root, alice: Agent, new_peer: NewPeer) -> None:
    """Any other is refused and not stored; another sender has keys of its own."""
    other, key = new_peer(), f"key of {alice.name}"
    ident = house.send(alice.name, "once", key=key, wait="done")["id"]
    house.send(other.name, "hello", wait="done")
    (alice.folder / "file").write_text("x")
    last = house.events()[-1]["seq"]
    changes: list[dict[str, Any]] = [
        {"body": "twice"}, {"to": other.name}, {"topic": "t"}, {"re": ident}, {"asks": True},
        {"attachments": [str(alice.folder / "file")]},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(Refused, match=ident) as refused:
            house.call("POST", "/send", {"to": alice.name, "body": "once", "key": key, **change})
        assert refused.value.code == "key-conflict", change
    assert house.events()[-1]["seq"] == last
    assert say(house, other, alice.name, "once", key=key, wait="done")["id"] != ident


def test_a_key_replays_wherever_it_would_go_now(house: Root, alice: Agent) -> None:
    """Two other runtimes became live since, and its time is over: the stored answer all the same."""
    at = house.events()[-1]["ts"] + 300
    sent = house.send(alice.name, "once", key=f"key of {alice.name}", at_ms=at)
    house.until(sent["id"], "done")
    for runtime in ("fakeb", "fakec"):
        adapter_copy(house, runtime)
        house.call("POST", f"/peers/{alice.name}/runtimes", {"runtime": runtime})
        launch = alice.folder / ".iapeer" / "runtimes" / "fake" / "launch.env"
        (other := launch.parent.parent / runtime / "launch.env").parent.mkdir()
        other.write_text(launch.read_text())
        alice.trust()
        house.call("POST", f"/peers/{alice.name}/start", {"runtime": runtime})
    house.send(alice.name, "@@EXIT 0@@", runtime="fake", wait="done")
    house.call("GET", f"/peers/{alice.name}/wait", state="asleep", runtime="fake", timeout_s=10)
    with pytest.raises(Refused, match="fakeb, fakec"):
        house.send(alice.name, "another")
    again = house.send(alice.name, "once", key=f"key of {alice.name}", at_ms=at)
    assert (again["id"], again["to"]["runtime"], again["state"]) == (sent["id"], "fake", "done")


def test_a_key_replays_when_its_files_are_gone(house: Root, alice: Agent) -> None:
    """They were copied by the first call, as senders are promised; another name, or other content, is no repetition."""
    paths = [alice.folder / name for name in ("one.txt", "two.txt")]
    for path in paths:
        path.write_text(path.name)
    wish: dict[str, Any] = {"to": alice.name, "body": "see", "key": f"key of {alice.name}"}
    wish["attachments"] = [str(path) for path in paths]
    sent = house.call("POST", "/send", {**wish, "wait": "done"})
    paths[0].unlink()
    last = house.events()[-1]["seq"]
    assert house.call("POST", "/send", wish)["id"] == sent["id"]
    assert _batch(house, wish)[0]["id"] == sent["id"]
    for wrong in ([str(alice.folder / "none.txt"), str(paths[1])], [str(paths[1])], [str(paths[1]), str(paths[0])]):
        with pytest.raises(Refused):
            house.call("POST", "/send", {**wish, "attachments": wrong})
    paths[0].write_text("something else")
    with pytest.raises(Refused, match="other content"):
        house.call("POST", "/send", wish)
    assert house.events()[-1]["seq"] == last
    assert alice.bodies().count("see") == 1


def _batch(house: Root, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    return list(house.call("POST", "/send/batch", {"messages": list(messages)})["sent"])


def test_a_batch_keeps_its_order(house: Root, alice: Agent, new_peer: NewPeer) -> None:
    """Each as if it were sent alone, to whom it is for; repeated with its keys it is the same batch."""
    bob = new_peer()
    wish = [
        {"to": (alice, bob)[number % 3 == 2].name, "body": f"number {number}", "key": f"{alice.name}-{number}"}
        for number in range(9)
    ]
    sent = _batch(house, *wish)
    assert [one["to"]["personality"] for one in sent] == [one["to"] for one in wish]
    for one in sent:
        house.until(one["id"], "done")
    assert alice.bodies()[1:] == [f"number {number}" for number in range(9) if number % 3 != 2]
    assert bob.bodies() == ["number 2", "number 5", "number 8"]
    assert [one["id"] for one in _batch(house, *wish)] == [one["id"] for one in sent]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"to": "nobody-there"}, "nobody-there"),
        ({"body": "x" * 16_001}, "16001"),
        ({"body": " "}, "empty"),
        ({"topic": "two\nlines"}, "topic"),
        ({"runtime": "claude"}, "claude"),
        ({"re": "no-such-id"}, "no-such-id"),
        ({"at_ms": 1}, "passed"),
        ({"attachments": ["relative"]}, "relative"),
    ],
)
def test_a_batch_is_refused_whole(house: Root, alice: Agent, wrong: dict[str, Any], said: str) -> None:
    """The refusal says which message, counted from 1, and nothing of the others is stored."""
    last = house.events()[-1]["seq"]
    good = {"to": alice.name, "body": "good"}
    with pytest.raises((Refused, Usage), match=f"message 3: .*{said}"):
        _batch(house, good, good, {**good, **wrong}, good)
    assert house.events()[-1]["seq"] == last


def test_a_key_used_twice_in_a_batch(house: Root, alice: Agent) -> None:
    """With one content it is one message; with two all is refused."""
    key = f"key of {alice.name}"
    last = house.events()[-1]["seq"]
    with pytest.raises(Refused, match="other content"):
        _batch(house, *({"to": alice.name, "body": body, "key": key} for body in ("one", "two")))
    assert house.events()[-1]["seq"] == last
    one, two = _batch(house, *({"to": alice.name, "body": "one", "key": key} for _ in range(2)))
    assert one["id"] == two["id"]


def test_a_batch_has_limits(house: Root, new_peer: NewPeer) -> None:
    """10,000 messages; none is nothing to send; what only /send knows is refused."""
    name = new_peer().name
    house.call("POST", f"/peers/{name}/stop", {})
    good = {"to": name, "body": "good"}
    last = house.events()[-1]["seq"]
    for messages in ([], [{**good, "wait": "done"}], "none"):
        with pytest.raises(PeerError, match="messages"):
            house.call("POST", "/send/batch", {"messages": messages})
    with pytest.raises(PeerError, match=f"there are {MAX_BATCH + 1} of them, and {MAX_BATCH} is the limit"):
        house.call("POST", "/send/batch", {"messages": [good] * (MAX_BATCH + 1)})
    assert house.events()[-1]["seq"] == last
    sent = _batch(house, *[good] * 1000)
    assert len({one["id"] for one in sent}) == 1000
    assert {(one["state"], one["reason"]) for one in sent} == {("held", "stopped")}
