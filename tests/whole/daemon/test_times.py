"""Later, not too late, and first: --at, --expires, urgent."""

from __future__ import annotations

import time
from typing import Any

import pytest

from iapeer.model.errors import Refused, Usage
from tests.harness import Root, throw_away_root, wait_for
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import in_turn, say


def _now() -> int:
    return int(time.time() * 1000)


def _step(root: Root, ident: str, name: str) -> dict[str, Any]:
    return next(event for event in root.message(ident)["events"] if event["ev"] == name)


def test_what_is_scheduled_is_typed_when_it_is_due(house: Root, new_peer: NewPeer) -> None:
    """Not before, by the daemon's own deadline, and it wakes who sleeps; others are not held up by it."""
    awake, asleep = new_peer(), new_peer()
    house.send(awake.name, "hello", wait="done")
    due = _now() + 800
    sent = [house.send(agent.name, "later", at_ms=due) for agent in (awake, asleep)]
    told = {(one["outcome"], one["reason"], one["state"], one["woke"]) for one in sent}
    assert told == {("queued", "scheduled", "queued", False)}
    assert house.runtime(asleep.name)["status"] == "asleep"
    assert house.message(sent[0]["id"])["message"]["at_ms"] == due
    assert house.send(awake.name, "now", wait="done")["state"] == "done"
    for one in sent:
        house.until(one["id"], "done")
        assert _step(house, one["id"], "leased")["ts"] >= due
    assert awake.bodies() == ["hello", "now", "later"]
    assert asleep.bodies() == ["later"]


def test_what_comes_too_late_expires(house: Root, new_peer: NewPeer) -> None:
    """It is never typed, and its sender is told: a peer by a notice."""
    alice, bob = new_peer(), new_peer()
    house.send(bob.name, "hello", wait="done")
    with in_turn(house, alice):
        mine = house.send(alice.name, "mine", expires_ms=_now() + 400)
        bobs = say(house, bob, alice.name, "bob's", expires_ms=_now() + 400)
        assert house.until(mine["id"], "expired")["row"]["reason"] == "expired"
        house.until(bobs["id"], "expired")
    notice = wait_for(lambda: next((turn for turn in bob.turns() if turn.re == bobs["id"]), None), "the notice")
    assert (notice.sender, "expired" in notice.body) == ("iapeer", True)
    house.send(alice.name, "afterwards", wait="done")
    assert {"mine", "bob's"}.isdisjoint(alice.bodies())


def test_times_that_come_close_together_are_all_kept(house: Root, new_peer: NewPeer) -> None:
    """What comes due while another is being seen to is not left for the slow heartbeat."""
    name = new_peer().name
    house.call("POST", f"/peers/{name}/stop", {})
    first = _now() + 500
    wish = [{"to": name, "body": f"{number}", "expires_ms": first + number} for number in range(60)]
    for sent in house.call("POST", "/send/batch", {"messages": wish})["sent"]:
        house.until(sent["id"], "expired")


def test_what_is_urgent_goes_first(house: Root, new_peer: NewPeer) -> None:
    """Before what was there earlier, behind what is urgent too; never into the turn that is open."""
    alice = new_peer()
    with in_turn(house, alice):
        sent = [
            house.send(alice.name, body, urgent=body.startswith("urgent"))["id"]
            for body in ("one", "two", "urgent one", "urgent two")
        ]
        assert house.message(sent[2])["message"]["urgent"]
    for ident in sent:
        house.until(ident, "done")
    assert alice.bodies()[1:] == ["urgent one", "urgent two", "one", "two"]


@pytest.mark.parametrize(
    ("at", "expires", "code"),
    [
        (-5000, None, "in-the-past"),
        (None, -5000, "in-the-past"),
        (60_000, 30_000, "in-the-past"),
        (60_000, 60_000, "in-the-past"),
    ],
)
def test_a_time_that_is_over_is_refused(
    house: Root, new_peer: NewPeer, at: int | None, expires: int | None, code: str
) -> None:
    """And nothing is stored."""
    name = new_peer().name
    now, last = _now(), house.events()[-1]["seq"]
    times = {"at_ms": at and now + at, "expires_ms": expires and now + expires}
    with pytest.raises(Refused) as refused:
        house.send(name, "hello", **times)
    assert refused.value.code == code
    assert house.events()[-1]["seq"] == last


@pytest.mark.parametrize("wrong", [-1, 2**62, 2**70, 1.5, "tomorrow"])
def test_a_time_is_a_number_of_milliseconds(house: Root, new_peer: NewPeer, wrong: object) -> None:
    """Anything else names the field."""
    name = new_peer().name
    with pytest.raises(Usage, match="at_ms") as refused:
        house.send(name, "hello", at_ms=wrong)
    assert refused.value.code == "bad-request"


def test_what_is_scheduled_outlives_the_daemon() -> None:
    """Due while no daemon was there: typed by the next; due later: typed then; expired meanwhile: told."""
    with throw_away_root() as root:
        root.start()
        alice = root.peer("alice")
        root.send("alice", "hello", wait="done")
        now = _now()
        first = root.send("alice", "missed", at_ms=now + 300)["id"]
        later = root.send("alice", "later", at_ms=now + 3000)["id"]
        gone = root.send("alice", "gone", at_ms=now + 300, expires_ms=now + 301)["id"]
        root.kill()
        wait_for(lambda: _now() > now + 400, "the time to pass")
        root.start()
        root.until(gone, "expired")
        root.until(first, "done")
        root.until(later, "done")
        assert _step(root, later, "leased")["ts"] >= now + 3000
        assert alice.bodies() == ["hello", "missed", "later"]
