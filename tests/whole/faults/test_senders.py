"""Many senders at once."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from iapeer.client.call import call
from tests.harness import Root
from tests.whole.faults.kit import frames, keys

SENDERS = 50


def test_fifty_senders_to_one_sleeping_peer(fleet: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """One session, fifty proven deliveries, in the order in which they were accepted, none twice."""
    alice = fleet.peer("alice")
    monkeypatch.setenv("IAPEER_SOCKET", str(fleet.socket))
    for name in ("IAPEER_TOKEN", "PEER_IDENTITY"):
        monkeypatch.delenv(name, raising=False)
    together = threading.Barrier(SENDERS)

    def send(number: int) -> dict[str, Any]:
        together.wait()
        wish = {"to": "alice", "body": f"message {number}", "wait": "done", "timeout_s": 90}
        return call("POST", "/send", wish, start=False, timeout=100)

    assert os.environ["IAPEER_SOCKET"] == str(fleet.socket)
    with ThreadPoolExecutor(SENDERS) as pool:
        told = list(pool.map(send, range(SENDERS)))

    assert {(answer["outcome"], answer["state"], answer["attempt"]) for answer in told} == {("delivered", "done", 1)}
    assert len({answer["session"] for answer in told}) == len(fleet.events("wake")) == 1
    rows = fleet.call("GET", "/peers/alice/inbox")["rows"]
    accepted = [row["message"] for row in sorted(rows, key=lambda row: row["seq"])]
    assert len(set(accepted)) == SENDERS
    assert [turn.id for turn in alice.turns()] == accepted
    assert sorted(alice.bodies()) == sorted(f"message {number}" for number in range(SENDERS))
    assert (len(frames(alice.typed())), keys(alice.typed())) == (SENDERS, b"\r" * SENDERS)
