"""Batches of many messages: taken whole or not at all, and in nobody's way."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from iapeer.daemon.mail import BATCH_PART
from iapeer.model.errors import PeerError
from tests.harness import Root

MANY = 5 * BATCH_PART


def _wishes(number: int, to: str = "bob") -> list[dict[str, Any]]:
    return [{"to": to, "body": f"number {place}", "key": f"k{place}"} for place in range(number)]


@pytest.fixture
def stopped(fleet: Root) -> Root:
    fleet.peer("bob")
    fleet.call("POST", "/peers/bob/stop", {})
    return fleet


def _held(root: Root) -> int:
    return int(root.call("GET", "/status")["inbox"].get("held", 0))


def test_others_get_answers_while_it_is_taken(stopped: Root) -> None:
    """Part by part, in order."""
    sent: list[dict[str, Any]] = []
    call = threading.Thread(
        target=lambda: sent.extend(stopped.call("POST", "/send/batch", {"messages": _wishes(MANY)})["sent"])
    )
    call.start()
    seen = set()
    while call.is_alive():
        seen.add(_held(stopped))
    assert len(seen - {0, MANY}) > 1
    assert _held(stopped) == MANY
    rows = [event["message"] for event in stopped.events("accepted", peer="bob")]
    assert rows == [one["id"] for one in sent]


def test_the_last_one_refuses_all(stopped: Root) -> None:
    """Nothing is stored, however many come before it; the refusal names it."""
    for wrong, words in (({"to": "nobody", "body": "x"}, "nobody"), ({"to": "bob", "body": "x", "key": "k1"}, "k1")):
        with pytest.raises(PeerError, match=f"message {BATCH_PART * 2 + 1}: .*{words}"):
            stopped.call("POST", "/send/batch", {"messages": [*_wishes(BATCH_PART * 2), wrong]})
        assert _held(stopped) == 0
