"""Batches of many messages: taken whole or not at all, and in nobody's way."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import Any

import pytest

from iapeer.mail.mail import BATCH_PART
from iapeer.model.errors import PeerError
from tests.harness import Root, wait_for

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


def test_what_goes_wrong_with_its_addressee_meanwhile(stopped: Root) -> None:
    """A profile that cannot be read any more once the first part is stored: all are taken."""
    profile = stopped.base / "bob" / ".iapeer" / "peer-profile.json"
    sent: list[dict[str, Any]] = []
    wishes = [{"to": "bob", "body": f"{number}"} for number in range(3 * MANY)]
    call = threading.Thread(
        target=lambda: sent.extend(stopped.call("POST", "/send/batch", {"messages": wishes})["sent"])
    )
    call.start()
    wait_for(lambda: _held(stopped), "the first part to be stored")
    profile.write_text("{ half a file")
    assert _held(stopped) < 3 * MANY
    call.join()
    assert len(sent) == _held(stopped) == 3 * MANY


def test_a_database_that_fails_between_two_parts(stopped: Root) -> None:
    """The error says how many were taken; the same messages again, with their keys, are stored once each."""
    wishes = _wishes(3 * MANY)
    refusals: list[PeerError] = []

    def send() -> None:
        try:
            stopped.call("POST", "/send/batch", {"messages": wishes})
        except PeerError as error:
            refusals.append(error)

    call = threading.Thread(target=send)
    call.start()
    wait_for(lambda: _held(stopped), "the first part to be stored")
    with contextlib.closing(sqlite3.connect(stopped.base / "root/state/iapeer.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        call.join()
        other.execute("ROLLBACK")
    taken = _held(stopped)
    assert [error.code for error in refusals] == ["store"]
    assert str(refusals[0]).startswith(f"The first {taken} of {3 * MANY} messages are taken")
    assert len(stopped.call("POST", "/send/batch", {"messages": wishes})["sent"]) == _held(stopped) == 3 * MANY
