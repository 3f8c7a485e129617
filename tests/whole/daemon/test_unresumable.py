"""Conversations that no longer resume: said, fresh only where the wake table allows, and never tried for ever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iapeer.model.errors import Failed, PeerError, Refused
from tests.harness import Agent, Root, wait_for
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import in_turn, say


def _last(house: Root, agent: Agent) -> dict[str, Any]:
    return dict(house.call("GET", f"/peers/{agent.name}")["last_session"])


@pytest.fixture
def talker(house: Root, new_peer: NewPeer) -> Agent:
    """A peer that sleeps after a talk about ships."""
    agent = new_peer()
    house.send(agent.name, "the word is heron", topic="ships", wait="done")
    house.call("PATCH", f"/peers/{agent.name}", {"fields": {"idle_secs": 1}})
    house.call("POST", f"/peers/{agent.name}/start", {})  # a reason to look
    house.call("GET", f"/peers/{agent.name}/wait", state="asleep", timeout_s=30)
    house.call("PATCH", f"/peers/{agent.name}", {"fields": {"idle_secs": 3600}})
    return agent


def _record(agent: Agent) -> Path:
    (found,) = (agent.home / "conversations").glob("*.jsonl")
    return found


def _gone(record: Path) -> None:
    record.unlink()


def _empty(record: Path) -> None:
    record.write_bytes(b"")


@pytest.mark.parametrize(("harm", "word"), [(_gone, "there is no record"), (_empty, "is empty")])
def test_a_record_that_is_gone_begins_afresh_and_says_so(
    house: Root, talker: Agent, harm: Callable[[Path], None], word: str
) -> None:
    """No launch is tried in vain; attach and compact get an error with the reason, and no session."""
    before, record = _last(house, talker), _record(talker)
    assert house.call("GET", f"/peers/{talker.name}")["lost"] is None
    harm(record)
    assert word in house.call("GET", f"/peers/{talker.name}")["lost"]
    assert word in house.cli("show", talker.name).stdout
    for verb in ("attach", "compact"):
        with pytest.raises(Refused, match=word) as refused:
            house.call("POST", f"/peers/{talker.name}/{verb}", {})
        assert refused.value.code == "attach-nothing-to-resume"
    assert _last(house, talker) == before
    sent = house.send(talker.name, "which word?", topic="ships", wait="done")
    woken = _last(house, talker)
    assert (woken["mode"], woken["cause"], sent["state"]) == ("fresh", "parked-resume", "done")
    said = house.events("not_resumed", peer=talker.name)
    assert [one["mode"] for one in said] == ["refused", "refused", "fresh"]
    assert (said[-1]["message"], said[-1]["conversation"]) == (sent["id"], before["conversation"])
    assert str(record) in said[-1]["why"]
    assert "not_resumed" in house.steps(sent["id"])
    assert len(house.events("wake", peer=talker.name)) == 2
    assert "not_resumed" in house.cli("message", sent["id"]).stdout


def test_a_conversation_the_program_does_not_know_is_tried_once(house: Root, talker: Agent) -> None:
    """Its record is there, the program ends with its own words: at once fresh, no failed launch, no attempt used."""
    before = _last(house, talker)
    talker.configure("--forgets")
    sent = house.send(talker.name, "which word?", topic="ships", wait="done")
    assert (sent["state"], sent["attempt"]) == ("done", 1)
    wakes = [(one["mode"], one["cause"]) for one in house.events("wake", peer=talker.name)[1:]]
    assert wakes == [("resume", "parked-resume"), ("fresh", "parked-resume")]
    assert not house.events("launch_failed", peer=talker.name)
    ends = [one["cause"] for one in house.events("session_ended", peer=talker.name)]
    assert ends == ["parked", "not-resumed"]
    (said,) = house.events("not_resumed", peer=talker.name)
    assert (said["mode"], said["message"]) == ("fresh", sent["id"])
    assert "does not know it" in said["why"]
    assert _last(house, talker)["conversation"] != before["conversation"]


def test_a_start_goes_on_afresh(house: Root, talker: Agent) -> None:
    """Who starts the peer gets a live session from one call."""
    talker.configure("--forgets")
    started = house.call("POST", f"/peers/{talker.name}/start", {})
    assert started["status"] == "live"
    woken = _last(house, talker)
    assert (woken["id"], woken["mode"], woken["cause"]) == (started["session"], "fresh", "parked-human")


def test_an_attach_gets_the_reason_and_no_session(house: Root, talker: Agent) -> None:
    """The first one finds it out, the next one knows; nothing blank is shown to anybody."""
    talker.configure("--forgets")
    for wakes in (2, 2):
        with pytest.raises(Refused, match="does not know it any more") as refused:
            house.call("POST", f"/peers/{talker.name}/attach", {})
        assert refused.value.code == "attach-nothing-to-resume"
        assert len(house.events("wake", peer=talker.name)) == wakes
    assert house.runtime(talker.name)["status"] == "asleep"
    assert not house.events("launch_failed", peer=talker.name)


def test_one_bad_start_does_not_cost_a_conversation(house: Root, talker: Agent) -> None:
    """A program that fails to come up for another reason is no proof: the conversation is resumed once it does."""
    before = _last(house, talker)
    talker.configure("--resume-dies")
    with pytest.raises(Failed, match="cannot resume"):
        house.call("POST", f"/peers/{talker.name}/start", {})
    talker.configure()
    sent = house.send(talker.name, "which word?", topic="ships")
    house.call("POST", f"/peers/{talker.name}/start", {})
    house.until(sent["id"], "done")
    woken = _last(house, talker)
    assert (woken["mode"], woken["conversation"]) == ("resume", before["conversation"])
    assert house.runtime(talker.name)["topics"] == ["ships"]


def test_three_bad_starts_are_enough(house: Root, talker: Agent) -> None:
    """What fails each time it is resumed is not resumed for ever."""
    talker.configure("--resume-dies")
    for _ in range(3):
        with pytest.raises(PeerError, match="cannot resume"):
            house.call("POST", f"/peers/{talker.name}/start", {})
    house.call("POST", f"/peers/{talker.name}/start", {})
    woken = _last(house, talker)
    assert (woken["mode"], woken["cause"]) == ("fresh", "parked-human")
    (said,) = house.events("not_resumed", peer=talker.name)
    assert "3 starts" in said["why"]


def test_an_answer_to_who_cannot_remember_wakes_as_the_other_rows_say(house: Root, new_peer: NewPeer) -> None:
    """Its question's conversation is gone: the answer comes to a fresh session, and the event says what was missed."""
    asker, bob = new_peer(), new_peer()
    house.send(bob.name, "hello", wait="done")
    with in_turn(house, asker, "working"):
        asked = say(house, asker, bob.name, "@@SLOW 4@@ @@SAY by noon@@", asks=True, topic="ships")["id"]
    house.call("PATCH", f"/peers/{asker.name}", {"fields": {"idle_secs": 1}})
    house.call("POST", f"/peers/{asker.name}/start", {})
    house.call("GET", f"/peers/{asker.name}/wait", state="asleep", timeout_s=30)
    _gone(_record(asker))
    house.until(asked, "done")
    wait_for(lambda: "by noon" in asker.bodies(), "the answer")
    woken = _last(house, asker)
    assert (woken["mode"], woken["cause"]) == ("fresh", "parked-new-topic")
    assert house.events("not_resumed", peer=asker.name)
