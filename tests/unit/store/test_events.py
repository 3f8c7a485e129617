"""Events: in the transaction, told after it, in order."""

from __future__ import annotations

import sqlite3

import pytest

from iapeer.model.errors import Refused
from iapeer.model.states import State
from iapeer.store import Event, Store

from .samples import BOB, message


def test_an_event_is_read_back_as_it_was_told(store: Store, told: list[Event]) -> None:
    """Subjects, time and data; the flat form lets no data hide a subject."""
    made = store.events.append(
        "wake", personality="bob", identity=BOB, session="s1", cause="parked", took=[1, {"a": None}]
    )
    assert [made] == told == store.events.page(made.seq - 1)
    assert made.seq == store.events.last_seq()
    assert made.flat() == {
        "seq": made.seq, "ts": 1_700_000_000_000, "ev": "wake", "personality": "bob", "identity": BOB, "message": None,
        "session": "s1", "cause": "parked", "took": [1, {"a": None}],
    }  # fmt: skip
    assert store.events.append("x", seq=-1, ts="never").flat()["seq"] == made.seq + 1


def test_what_is_asked_for(store: Store) -> None:
    """After a seq, of a peer, of kinds, of a message, and no more than the limit: always oldest first."""
    start = store.events.last_seq()
    one = store.messages.accept(message())
    store.messages.accept(message(to="ann", identity="codex-ann"))
    store.activations.begin(one.message, "s1", "{}")
    store.events.append("wake", personality="bob")
    assert [event.ev for event in store.events.page(start)] == ["accepted", "accepted", "leased", "wake"]
    assert [event.ev for event in store.events.page(start, personality="bob")] == ["accepted", "leased", "wake"]
    assert [event.ev for event in store.events.page(kinds=["wake", "leased"])] == ["leased", "wake"]
    assert [event.ev for event in store.events.page(message=one.message)] == ["accepted", "leased"]
    assert [event.seq for event in store.events.page(start, limit=2)] == [start + 1, start + 2]
    assert store.events.page(store.events.last_seq()) == []


def test_an_observer_sees_only_what_is_committed(store: Store) -> None:
    """Another connection finds the row and its event already there."""
    seen: list[tuple[str, int]] = []

    def look(event: Event) -> None:
        other = sqlite3.connect(store.path)
        state = other.execute("SELECT state FROM inbox WHERE message = ?", (event.message,)).fetchone()[0]
        seen.append((state, other.execute("SELECT count(*) FROM events WHERE seq = ?", (event.seq,)).fetchone()[0]))
        other.close()

    store.observers.append(look)
    row = store.messages.accept(message())
    store.activations.begin(row.message, "s1", "{}")
    store.inbox.move(row.message, State.RUNNING)
    assert seen == [("queued", 1), ("leased", 1), ("running", 1)]


def test_what_was_rolled_back_is_not_told(store: Store, told: list[Event]) -> None:
    """Neither then nor with the next event."""
    with pytest.raises(Refused):
        store.messages.accept_many([message(), message(to="nobody")])
    store.events.append("next")
    assert [event.ev for event in told] == ["next"]


def test_observers_that_write_keep_the_order_for_everybody(store: Store) -> None:
    """What an event causes is told after it, also to those who stand later in the list."""
    heard: list[str] = []

    def cause(event: Event) -> None:
        if event.ev == "accepted":
            store.events.append("caused")

    store.observers.extend([cause, lambda event: heard.append(event.ev)])
    store.messages.accept_many([message(), message()])
    assert heard == ["accepted", "accepted", "caused", "caused"]


def test_an_observer_is_not_called_while_it_runs(store: Store) -> None:
    """What it causes comes to it afterwards: it need not be prepared to be entered twice."""
    running: list[bool] = []
    heard: list[str] = []

    def cause(event: Event) -> None:
        assert not running
        running.append(True)
        heard.append(event.ev)
        if len(heard) < 3:
            store.events.append(f"caused {len(heard)}")
        running.clear()

    store.observers.append(cause)
    store.events.append("first")
    assert heard == ["first", "caused 1", "caused 2"]


def test_an_observer_that_breaks_does_not_undo(store: Store) -> None:
    """Its error is its caller's to see; the message is kept, and later events are told to the others."""
    heard: list[str] = []

    def broken(event: Event) -> None:
        if not heard:
            raise ZeroDivisionError

    store.observers.extend([broken, lambda event: heard.append(event.ev)])
    with pytest.raises(ZeroDivisionError):
        store.messages.accept(message())
    assert store.inbox.counts() == {"queued": 1}
    store.events.append("next")
    assert heard == ["accepted", "next"]
