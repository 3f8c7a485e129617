"""Settings and peers."""

from __future__ import annotations

import pytest

from iapeer.model.clock import ManualClock
from iapeer.model.errors import Refused
from iapeer.model.states import State
from iapeer.store import Event, Peer, Store

from .samples import BOB, message, session


def test_settings(store: Store) -> None:
    """Set, replaced, absent."""
    assert store.get_setting("port") is None
    store.put_setting("port", "8765")
    store.put_setting("port", "8766")
    assert store.get_setting("port") == "8766"


def test_a_peer_is_its_folder(store: Store, told: list[Event]) -> None:
    """One to one, found by either; the same pair again changes nothing."""
    new = store.add_peer("cat", "/work/cat")
    assert new == Peer("cat", "/work/cat", False, 1_700_000_000_000)
    assert store.peer("cat") == store.peer_at("/work/cat") == new
    assert store.add_peer("cat", "/work/cat") == new
    assert [peer.personality for peer in store.peers()] == ["ann", "bob", "cat"]
    assert [event.ev for event in told] == ["peer_added"]
    assert store.peer("dog") is None
    assert store.peer_at("/work") is None


def test_a_taken_name_or_folder_is_refused(store: Store) -> None:
    """Both folders, or both names, are in the sentence."""
    with pytest.raises(Refused, match="bob belongs to /work/bob: rename /other"):
        store.add_peer("bob", "/other")
    with pytest.raises(Refused, match=r"/work/bob is the folder of the peer bob: it cannot be robert's"):
        store.add_peer("robert", "/work/bob")
    assert len(store.peers()) == 2


def test_the_stopped_intent(store: Store, told: list[Event]) -> None:
    """Written and told when it changes."""
    for stopped in (True, True, False, False):
        store.set_stopped("bob", stopped)
        assert store.peer("bob").stopped is stopped  # type: ignore[union-attr]
    assert [event.ev for event in told] == ["peer_stopped", "peer_started"]
    with pytest.raises(Refused, match="did you mean bob"):
        store.set_stopped("bobb", True)


def test_removing_ends_what_was_waiting(store: Store, told: list[Event]) -> None:
    """Every row that was not final dies with a reason, is returned, and stays readable by its message id."""
    flying = store.lease(store.accept(message()).message, "s1", "{}")
    waiting = [store.accept(message()), store.accept(message(held="loop"))]
    done = store.move(store.accept(message()).message, State.CANCELLED)
    other = store.accept(message(to="ann", identity="codex-ann"))
    told.clear()
    died = store.remove_peer("bob")
    assert [row.message for row in died] == [flying.message, *(row.message for row in waiting)]
    for row in died:
        assert store.row(row.message) == row
        assert (row.state, row.reason, row.body) == (State.DEAD, "peer removed", "hello")
    assert store.row(done.message) == done
    assert store.row(other.message) == other
    assert [event.ev for event in told] == ["dead", "dead", "dead", "peer_removed"]
    with pytest.raises(Refused, match="no peer"):
        store.remove_peer("bob")


def test_a_namesake_inherits_nothing(store: Store, clock: ManualClock) -> None:
    """No rows, sessions, tokens, stop or keys of the one that was removed."""
    store.open_session(session())
    store.accept_many([message(), message(held="stopped")])
    store.lease(store.next_waiting(BOB).message, "s1", "{}")  # type: ignore[union-attr]
    sent = store.accept(message("mine", sender="bob", to="ann", identity="codex-ann", key="k"))
    store.set_stopped("bob", True)
    store.remove_peer("bob")
    clock.advance(1)
    assert store.add_peer("bob", "/elsewhere/bob").stopped is False
    assert store.inbox("bob") == []
    assert store.next_waiting(BOB) is None
    assert store.in_flight(BOB) is None
    assert store.depth(BOB) == 0
    assert store.release("bob", "stopped") == 0
    assert store.last_session(BOB) is None
    assert store.sessions("bob", 10) == []
    assert store.session_of_token("hash-s1") is None
    again = store.accept(message("new", sender="bob", to="ann", identity="codex-ann", key="k"))
    assert again.message != sent.message
    store.open_session(session("s2"))
    assert store.lease(store.accept(message()).message, "s2", "{}").session == "s2"
