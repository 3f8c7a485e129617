"""A change of any number of rows is made in parts: others get answers between them. Counted, not timed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from iapeer.model.clock import SystemClock
from iapeer.model.ids import uuid7
from iapeer.paths.layout import layout
from iapeer.store import PART, NewMessage, Store
from tests.harness import Root, wait_for
from tests.whole.daemon.clocked import Moving
from tests.whole.daemon.tools import person

ROWS = 16 * PART
BETWEEN = 2  # amounts are told where nobody gets an answer while it is changed: none of it, and all of it


def _pile_up(root: Root, to: str, expires_ms: int | None = None) -> None:
    """So many messages of alice for a peer, taken in while no daemon runs."""
    root.kill()
    store = Store(layout(root.env).database, SystemClock())
    store.messages.accept_many([
        NewMessage(
            id=uuid7(time.time()), sender="alice", sender_runtime="fake", sender_intelligence="artificial", to=to,
            identity=f"fake-{to}", body="@@SLOW 2@@" if number == 0 else "hello", expires_ms=expires_ms,
        )
        for number in range(ROWS)
    ])  # fmt: skip
    store.close()
    root.start()


def _counts(root: Root) -> dict[str, int]:
    return dict(root.call("GET", "/status")["inbox"])


def _amount(root: Root, state: str) -> int:
    return _counts(root).get(state, 0)


def _seen(root: Root, state: str, act: Callable[[], Any], over: Callable[[], bool] = lambda: True) -> set[int]:
    """Every amount of rows in `state` that others are told while it changes: `act` is over, and then so is it all."""
    amounts: set[int] = set()
    acting = threading.Thread(target=act)
    acting.start()

    def all_of_it() -> bool:
        done = not acting.is_alive() and over()
        amounts.add(_amount(root, state))
        return done

    wait_for(all_of_it, f"all rows to be {state}", 60)
    acting.join()
    return amounts


@pytest.fixture
def time_moves(root: Root) -> Moving:
    moving = Moving(root)
    root.start()
    return moving


def test_a_worker_with_a_backlog(fleet: Root) -> None:
    """Start, a person who attaches, one who leaves, stop and removal: none of them holds up the others."""
    fleet.peer("alice")
    fleet.peer("bob")
    fleet.call("PATCH", "/peers/bob", {"fields": {"wake_policy": "ephemeral"}})
    fleet.call("POST", "/peers/bob/stop", {})
    _pile_up(fleet, "bob")
    assert _amount(fleet, "held") == ROWS
    assert len(_seen(fleet, "queued", lambda: fleet.call("POST", "/peers/bob/start", {}))) > BETWEEN
    wait_for(lambda: fleet.runtime("bob")["task"], "the first one to be taken")
    with person(fleet, "bob"):
        assert len(_seen(fleet, "held", lambda: None, lambda: _amount(fleet, "held") == ROWS - 1)) > BETWEEN
    assert len(_seen(fleet, "queued", lambda: None, lambda: _amount(fleet, "held") == 0)) > BETWEEN
    assert len(_seen(fleet, "held", lambda: fleet.call("POST", "/peers/bob/stop", {}))) > BETWEEN
    dead = _amount(fleet, "held")
    assert len(_seen(fleet, "dead", lambda: fleet.call("DELETE", "/peers/bob", force=1))) > BETWEEN
    assert _amount(fleet, "dead") == dead
    notices = [event for event in fleet.events("accepted", peer="alice") if event["sender"] == "iapeer"]
    assert len(notices) == dead


def test_all_of_it_expires(root: Root, time_moves: Moving) -> None:
    """At one moment; and each sender is told once."""
    root.peer("alice")
    root.peer("bob")
    for name in ("alice", "bob"):
        root.call("POST", f"/peers/{name}/stop", {})
    expires = int((time.time() + 3600) * 1000)
    _pile_up(root, "bob", expires)
    time_moves.jump(4000)
    soon = int((time.time() + 5000) * 1000)
    assert len(_seen(
        root, "expired", lambda: root.send("bob", "look at the clock", expires_ms=soon),
        lambda: _amount(root, "expired") == ROWS,
    )) > BETWEEN  # fmt: skip
    notices = [event for event in root.events("accepted", peer="alice") if event["sender"] == "iapeer"]
    assert len(notices) == ROWS


def test_a_removal_goes_on_after_a_kill(fleet: Root) -> None:
    """The intent is written first: the next daemon forgets the rest, and tells every sender."""
    fleet.peer("alice")
    fleet.peer("bob")
    for name in ("alice", "bob"):
        fleet.call("POST", f"/peers/{name}/stop", {})
    _pile_up(fleet, "bob")
    threading.Thread(target=_in_vain, args=(lambda: fleet.call("DELETE", "/peers/bob", force=1),)).start()
    wait_for(lambda: _amount(fleet, "dead"), "the first part to be dead")
    fleet.kill()
    fleet.start()
    assert [peer["personality"] for peer in fleet.call("GET", "/peers")["peers"]] == ["alice"]
    assert _amount(fleet, "dead") == ROWS
    notices = [event for event in fleet.events("accepted", peer="alice") if event["sender"] == "iapeer"]
    assert len({event["re"] for event in notices}) == len(notices) == ROWS


def _in_vain(act: Callable[[], Any]) -> None:
    """Its daemon is killed under it."""
    try:
        act()
    except Exception as error:  # noqa: BLE001 - however that shows
        assert error is not None
