"""Settings and peers."""

from __future__ import annotations

import pytest

from iapeer.model.errors import Refused
from iapeer.model.holds import HoldCause, causes
from iapeer.model.states import State
from iapeer.store import Event, Peer, Store
from iapeer.testing.clock import ManualClock

from .samples import BOB, message, session


def test_settings(store: Store) -> None:
    """Set, replaced, absent."""
    assert store.settings.get("port") is None
    store.settings.put("port", "8765")
    store.settings.put("port", "8766")
    assert store.settings.get("port") == "8766"


def test_a_peer_is_its_folder(store: Store, told: list[Event]) -> None:
    """One to one, found by either; the same pair again changes nothing."""
    new = store.peers.add("cat", "/work/cat")
    assert new == Peer("cat", "/work/cat", False, 1_700_000_000_000)
    assert store.peers.get("cat") == store.peers.at_folder("/work/cat") == new
    assert store.peers.add("cat", "/work/cat") == new
    assert [peer.personality for peer in store.peers.all()] == ["ann", "bob", "cat"]
    assert [event.ev for event in told] == ["peer_added"]
    assert store.peers.get("dog") is None
    assert store.peers.at_folder("/work") is None


def test_a_taken_name_or_folder_is_refused(store: Store) -> None:
    """Both folders, or both names, are in the sentence."""
    with pytest.raises(Refused, match="bob belongs to /work/bob: rename /other"):
        store.peers.add("bob", "/other")
    with pytest.raises(Refused, match=r"/work/bob is the folder of the peer bob: it cannot be robert's"):
        store.peers.add("robert", "/work/bob")
    assert len(store.peers.all()) == 2


def test_the_stopped_intent(store: Store, told: list[Event]) -> None:
    """Written and told when it changes."""
    for stopped in (True, True, False, False):
        store.peers.set_stopped("bob", stopped)
        assert store.peers.get("bob").stopped is stopped  # type: ignore[union-attr]
    assert [event.ev for event in told] == ["peer_stopped", "peer_started"]
    with pytest.raises(Refused, match="did you mean bob"):
        store.peers.set_stopped("bobb", True)


def test_removing_ends_what_was_waiting(store: Store, told: list[Event]) -> None:
    """Every row that was not final dies with a reason, is returned, and stays readable by its message id."""
    flying = store.activations.begin(store.messages.accept(message()).message, "s1", "{}")
    waiting = [store.messages.accept(message()), store.messages.accept(message(held=causes(loop=True)))]
    done = store.inbox.move(store.messages.accept(message()).message, State.CANCELLED)
    other = store.messages.accept(message(to="ann", identity="codex-ann"))
    told.clear()
    died = store.peers.remove("bob")
    assert [row.message for row in died] == [flying.message, *(row.message for row in waiting)]
    for row in died:
        assert store.inbox.row(row.message) == row
        assert (row.state, row.reason, row.body) == (State.DEAD, "peer removed", "hello")
    assert store.inbox.row(done.message) == done
    assert store.inbox.row(other.message) == other
    assert [event.ev for event in told] == ["dead", "dead", "dead", "peer_removed"]
    with pytest.raises(Refused, match="no peer"):
        store.peers.remove("bob")


def test_a_namesake_inherits_nothing(store: Store, clock: ManualClock) -> None:
    """No rows, sessions, tokens, stop or keys of the one that was removed."""
    store.sessions.open(session())
    store.messages.accept_many([message(), message(held=causes(stopped=True))])
    store.activations.begin(store.inbox.next_waiting(BOB).message, "s1", "{}")  # type: ignore[union-attr]
    sent = store.messages.accept(message("mine", sender="bob", to="ann", identity="codex-ann", key="k"))
    store.peers.set_stopped("bob", True)
    store.peers.remove("bob")
    clock.advance(1)
    assert store.peers.add("bob", "/elsewhere/bob").stopped is False
    assert store.inbox.recent("bob") == []
    assert store.inbox.next_waiting(BOB) is None
    assert store.inbox.in_flight(BOB) is None
    assert store.inbox.depth(BOB) == 0
    assert store.holds.release("bob", HoldCause.STOPPED) == 0
    assert store.sessions.last(BOB) is None
    assert store.sessions.newest("bob", 10) == []
    assert store.sessions.by_token("hash-s1") is None
    again = store.messages.accept(message("new", sender="bob", to="ann", identity="codex-ann", key="k"))
    assert again.message != sent.message
    store.sessions.open(session("s2"))
    assert store.activations.begin(store.messages.accept(message()).message, "s2", "{}").session == "s2"
