"""Activations: the lease, what was typed, the proof, the outcome; and a message's attempts."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from iapeer.model.errors import Failed
from iapeer.model.states import IN_FLIGHT, State
from iapeer.store import Event, IllegalStep, NewMessage, Row, StaleLease, Store
from iapeer.testing.clock import ManualClock

from .samples import BOB, message

NOW = 1_700_000_000_000


def _leased(store: Store, new: NewMessage | None = None, session: str = "s1") -> Row:
    return store.activations.begin(store.messages.accept(new or message()).message, session, '{"size": 7}')


def test_a_lease_is_written_before_anything_is_typed(store: Store, told: list[Event]) -> None:
    """It records who and from where; only a queued row can be leased."""
    row = _leased(store)
    assert (row.state, row.session, row.baseline, row.typed_ms) == (State.LEASED, "s1", '{"size": 7}', None)
    assert store.inbox.in_flight(BOB) == row == store.inbox.row(row.message)
    assert store.inbox.all_in_flight() == [row]
    assert (told[-1].ev, told[-1].session) == ("leased", "s1")
    with pytest.raises(IllegalStep, match="cannot become leased"):
        store.activations.begin(row.message, "s2", "{}")


@pytest.mark.parametrize("state", sorted(IN_FLIGHT))
def test_one_in_flight_per_identity(store: Store, state: State) -> None:
    """The second is not leased until the first is settled; another identity of the peer is free."""
    first = _leased(store)
    if state is State.NEEDS_INPUT:
        store.activations.prove(first)
    if state is not State.LEASED:
        store.inbox.move(first.message, state)
    second = store.messages.accept(message())
    with pytest.raises(IllegalStep, match=first.message):
        store.activations.begin(second.message, "s1", "{}")
    assert _leased(store, message(identity="codex-bob"), "s9").state is State.LEASED


def test_sqlite_itself_refuses_two_in_flight(store: Store) -> None:
    """Should the code above it ever be wrong."""
    _leased(store)
    with pytest.raises(Failed, match="UNIQUE"), store.database.write():
        store.database.run(
            "INSERT INTO activations (identity, session, key, attempt, state, started_ms) "
            "VALUES (?, 's1', 'm', 1, 'running', 1)",
            (BOB,),
        )


@pytest.mark.parametrize("state", sorted(IN_FLIGHT))
def test_sqlite_itself_refuses_a_lease_of_nobody(store: Store, state: State) -> None:
    """A row in flight that no activation holds could never be settled; nor could one held by one that is over."""
    row = store.messages.accept(message())
    with pytest.raises(Failed, match="CHECK"), store.database.write():
        store.database.run("UPDATE inbox SET state = ? WHERE message = ?", (state, row.message))
    _leased(store)
    for change in ("ended_ms = 1", "state = 'done'"):
        with pytest.raises(Failed, match="CHECK"), store.database.write():
            store.database.run(f"UPDATE activations SET {change}")


def test_the_names_of_the_events(store: Store, told: list[Event]) -> None:
    """The proof says `delivered`, once; a turn that goes on after a question does not."""
    row, acts = _leased(store), store.activations
    acts.doubt(row, State.UNKNOWN, "no proof")
    acts.doubt(row, State.STRANDED, "there still")
    acts.prove(row)
    store.inbox.move(row.message, State.NEEDS_INPUT)
    acts.prove(row)
    acts.end(row, State.FAILED, error="oops", outcome="oops")
    names = "accepted leased unknown stranded delivered needs_input running failed"
    assert [event.ev for event in told] == names.split()
    assert all(event.session == "s1" for event in told[1:])
    assert told[2].data == {"from": "leased", "to": "unknown", "reason": "no proof", "attempt": 1}
    assert told[-1].data == {"from": "running", "to": "failed", "reason": None, "attempt": 1, "error": "oops"}


@pytest.mark.parametrize("settled", [State.QUEUED, State.LEASED, State.DONE])
def test_a_late_word_changes_nothing(store: Store, settled: State) -> None:
    """Who held the row once is not heard any more, whether it waits, is held by another or is final."""
    late = _leased(store)
    store.activations.prove(late)
    store.activations.end(late, State.QUEUED, attempt=2)
    if settled is not State.QUEUED:
        second = store.activations.begin(late.message, "s2", "{}")
        if settled is State.DONE:
            store.activations.prove(second)
            store.activations.end(second, State.DONE)
    before, seq = store.inbox.row(late.message), store.events.last_seq()
    words: list[Callable[[], object]] = [
        lambda: store.activations.mark_typed(late),
        lambda: store.activations.doubt(late, State.UNKNOWN, "why"),
        lambda: store.activations.prove(late),
        lambda: store.activations.end(late, State.FAILED),
    ]
    for word in words:
        with pytest.raises(StaleLease):
            word()
    assert store.inbox.row(late.message) == before
    assert store.events.last_seq() == seq


def test_back_to_queued_forgets_the_lease(store: Store, told: list[Event]) -> None:
    """Session, baseline and stamp are gone, its place is kept, and the event says whose lease it was."""
    row = _leased(store)
    store.messages.accept(message())
    store.activations.mark_typed(row)
    back = store.activations.end(row, State.QUEUED, attempt=2, reason="died", error="signal 9")
    assert (back.activation, back.session, back.baseline, back.typed_ms, back.attempt) == (None, None, None, None, 2)
    assert store.inbox.next_waiting(BOB) == back == store.inbox.row(row.message)
    assert (told[-1].ev, told[-1].session, told[-1].data["attempt"]) == ("queued", "s1", 2)
    again = store.activations.begin(row.message, "s2", "{}")
    assert (again.reason, again.error) == (None, None)


def test_back_to_queued_may_be_for_later(store: Store, clock: ManualClock) -> None:
    """Another attempt, not before its time."""
    row = _leased(store)
    back = store.activations.end(row, State.QUEUED, attempt=2, not_before_ms=NOW + 1500)
    assert back == store.inbox.row(row.message)
    assert (back.not_before_ms, store.inbox.next_waiting(BOB)) == (NOW + 1500, None)
    assert store.inbox.next_deadline(NOW) == NOW + 1500
    clock.advance(1.5)
    assert store.inbox.next_waiting(BOB) == back


def test_typing_is_stamped_once(store: Store, clock: ManualClock, told: list[Event]) -> None:
    """The first stamp of a lease stays; what is over is not typed."""
    row = _leased(store)
    for _ in range(2):
        clock.advance(1)
        store.activations.mark_typed(row, removed=3)
        assert store.inbox.row(row.message).typed_ms == NOW + 1000  # type: ignore[union-attr]
    assert [event.ev for event in told] == ["accepted", "leased", "typed"]
    assert (told[-1].data, told[-1].session) == ({"removed": 3}, "s1")
    store.activations.end(row, State.FAILED)
    with pytest.raises(StaleLease):
        store.activations.mark_typed(row)


def test_a_messages_attempts_are_its_activations(store: Store, clock: ManualClock) -> None:
    """In order: what was put back untyped, what came back, what is open; each with what proved it and how it ended."""
    row = _leased(store)
    assert [one.state for one in store.activations.of(row.message)] == [State.LEASED]
    store.activations.end(row, State.QUEUED, reason="draft")
    row = store.activations.begin(row.message, "s1", "{}")
    store.activations.mark_typed(row)
    store.activations.prove(row, '{"record": {"offset": 9}}')
    clock.advance(1)
    store.activations.end(row, State.QUEUED, attempt=2, reason="session died (exit)", evidence='{"died": "exit"}')
    row = store.activations.begin(row.message, "s2", "{}")
    store.activations.prove(row)
    first, second, third = store.activations.of(row.message)
    assert (first.session, first.attempt, first.state, first.outcome) == ("s1", 1, State.QUEUED, "draft")
    assert (first.typed_ms, first.evidence, first.baseline) == (None, None, '{"size": 7}')
    assert (second.attempt, second.state, second.outcome) == (1, State.QUEUED, "session died (exit)")
    assert (second.started_ms, second.typed_ms, second.ended_ms) == (NOW, NOW, NOW + 1000)
    assert json.loads(second.evidence or "") == {"record": {"offset": 9}, "died": "exit"}
    assert (third.session, third.attempt, third.state, third.ended_ms) == ("s2", 2, State.RUNNING, None)
    assert store.activations.open_of(BOB) == third
    store.activations.end(row, State.DONE, outcome="ok")
    assert store.activations.open_of(BOB) is None
    assert store.activations.of(row.message)[-1].outcome == "ok"
    assert store.inbox.row(row.message).session == "s2"  # type: ignore[union-attr]
    assert store.activations.of("nothing") == []


def test_a_late_proof_is_of_the_earlier_attempt(store: Store) -> None:
    """The row and its activation are that attempt from now on."""
    row = _leased(store)
    store.activations.end(row, State.QUEUED, attempt=2)
    row = store.activations.begin(row.message, "s1", "{}")
    assert store.activations.prove(row, attempt=1).attempt == 1
    assert [one.attempt for one in store.activations.of(row.message)] == [1, 1]


def test_what_was_typed_into_a_session(store: Store) -> None:
    """Another message, leased there; what was put back was not, and a message is not before itself."""
    row = _leased(store)
    assert not store.activations.typed_before("s1", row.message)
    assert store.activations.typed_before("s1", "")
    assert not store.activations.typed_before("s2", "")
    store.activations.end(row, State.QUEUED)
    assert not store.activations.typed_before("s1", "")
    second = store.activations.begin(row.message, "s1", "{}")
    store.activations.end(second, State.FAILED)
    assert store.activations.typed_before("s1", "m0")
    assert not store.activations.typed_before("s1", row.message)


def test_a_removed_peers_activation_is_over(store: Store) -> None:
    """With its row."""
    row = _leased(store)
    store.peers.remove("bob")
    assert store.activations.open_of(BOB) is None
    [over] = store.activations.of(row.message)
    assert (over.state, over.outcome) == (State.DEAD, "peer removed")


def test_rows_of_one_activation_go_together(store: Store, told: list[Event]) -> None:
    """Each with its event; one that goes alone leaves it open, and the last one ends it."""
    first, other, third = [_leased(store), *(store.messages.accept(message()) for _ in range(2))]
    with store.database.write():
        for row in (other, third):
            store.database.run("INSERT INTO activation_rows VALUES (?, ?)", (first.activation, row.seq))
            store.database.run(
                "UPDATE inbox SET state = 'leased', activation = ? WHERE seq = ?", (first.activation, row.seq)
            )
    told.clear()
    assert store.activations.prove(first).state is State.RUNNING
    store.inbox.move(other.message, State.CANCELLED)
    assert store.activations.open_of(BOB) is not None
    store.activations.end(first, State.DONE, outcome="ok")
    assert store.activations.open_of(BOB) is None
    assert [event.ev for event in told] == ["delivered"] * 3 + ["cancelled"] + ["done"] * 2
    assert [store.inbox.row(row.message).state for row in (first, other, third)] == [  # type: ignore[union-attr]
        State.DONE, State.CANCELLED, State.DONE,
    ]  # fmt: skip
    assert [one.id for one in store.activations.of(third.message)] == [first.activation]
