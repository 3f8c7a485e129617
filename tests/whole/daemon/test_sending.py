"""What `send` refuses, and to which runtime a message goes."""

from __future__ import annotations

from typing import Any

import pytest

from iapeer.model.errors import PeerError, Refused, Usage
from tests.harness import Agent, Root
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import adapter_copy, ask_as, fresh_name, token_of


def _refused(house: Root, to: str, body: str, **more: Any) -> PeerError:
    """The refusal; nothing may have been stored or woken by it."""
    last = house.events()[-1]["seq"]
    with pytest.raises((Refused, Usage)) as refused:
        house.send(to, body, **more)
    assert house.events()[-1]["seq"] == last
    assert "\n" not in str(refused.value)
    return refused.value


def test_what_cannot_be_sent_is_refused_and_not_stored(house: Root, new_peer: NewPeer) -> None:
    """Unknown peer (nearest named), empty, too long, bad topic, unknown runtime: refused with the size or the names."""
    name = new_peer().name
    unknown = _refused(house, f"{name}x", "hello")
    assert unknown.code == "unknown-peer"
    assert name in str(unknown)
    _refused(house, name, "")
    _refused(house, name, " \n\x1b\x07 ")
    long = _refused(house, name, "ä" * 16_001)
    assert "16001" in str(long)
    assert "16000" in str(long)
    topic = _refused(house, name, "hello", topic="t" * 201)
    assert "201" in str(topic)
    _refused(house, name, "hello", topic="two\nlines")
    runtime = _refused(house, name, "hello", runtime="claude")
    assert (runtime.code, "fake" in str(runtime)) == ("unknown-runtime", True)
    assert house.runtime(name)["status"] == "asleep"


def test_the_limits_themselves_are_allowed(house: Root, new_peer: NewPeer) -> None:
    """16,000 characters and a topic of 200 arrive whole."""
    agent = new_peer()
    body = "ü" * 15_999 + "."
    sent = house.send(agent.name, body, topic="t" * 200, wait="done")
    assert sent["state"] == "done"
    assert agent.bodies() == [body]
    assert agent.turns()[0].topic == "t" * 200


def test_a_session_cannot_send_to_itself(house: Root, new_peer: NewPeer) -> None:
    """A peer that addresses its own identity is refused."""
    agent = new_peer()
    house.send(agent.name, "hello", wait="done")
    with pytest.raises(Refused) as refused:
        ask_as(house, token_of(agent), "/send", {"to": agent.name, "body": "note to self"})
    assert refused.value.code == "self-send"


def test_the_runtime_of_a_message_is_the_live_one(house: Root) -> None:
    """None live: the default. One live: that one. Several without the default: refused, listed. Named: as named."""
    adapter_copy(house, "fakeb")
    adapter_copy(house, "fakec")
    agent = Agent(house, name := fresh_name())
    for runtime in ("fake", "fakeb", "fakec"):
        agent.configure()
        launch = agent.folder / ".iapeer" / "runtimes" / "fake" / "launch.env"
        other = agent.folder / ".iapeer" / "runtimes" / runtime / "launch.env"
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_text(launch.read_text())
        house.call("POST", "/peers", {"dir": str(agent.folder), "runtime": runtime, "trust": True})
    house.call("POST", "/peers", {"dir": str(agent.folder), "runtime": "fake"})
    assert house.send(name, "@@EXIT 0@@", wait="done")["to"]["runtime"] == "fake"
    house.call("GET", f"/peers/{name}/wait", state="asleep", runtime="fake", timeout_s=10)
    house.call("POST", f"/peers/{name}/start", {"runtime": "fakeb"})
    assert house.send(name, "one", wait="done")["to"]["runtime"] == "fakeb"
    house.call("POST", f"/peers/{name}/start", {"runtime": "fakec"})
    ambiguous = _refused(house, name, "two")
    assert (ambiguous.code, "fakeb, fakec" in str(ambiguous)) == ("ambiguous-runtime", True)
    assert house.send(name, "three", runtime="fakec", wait="done")["to"]["runtime"] == "fakec"
    house.call("POST", f"/peers/{name}/start", {"runtime": "fake"})
    assert house.send(name, "four", wait="done")["to"]["runtime"] == "fake"
    house.call("DELETE", f"/peers/{name}", force=1)
