"""The inbox: acceptance, order, leases, steps."""

from __future__ import annotations

from typing import Any

import pytest

from iapeer.model.errors import Failed, Refused
from iapeer.model.holds import HoldCause, causes
from iapeer.model.states import FINAL, STEPS, State
from iapeer.store import Event, IllegalStep, NewMessage, Row, Store
from iapeer.testing.clock import ManualClock

from .samples import BOB, message

NOW = 1_700_000_000_000
HOSTILE = "a\x00b\ud800c\r\n]]> 日本\x1b[201~"


def _leased(store: Store, new: NewMessage | None = None, session: str = "s1") -> Row:
    return store.activations.begin(store.messages.accept(new or message()).message, session, '{"size": 7}')


def _put(store: Store, state: State) -> Row:
    """A row in `state`, by legal steps."""
    todo: list[tuple[State, ...]] = [(State.QUEUED,)]
    for path in todo:
        if path[-1] is state:
            return _walk(store, path)
        todo.extend((*path, after) for after in STEPS[path[-1]] if after not in path)
    raise AssertionError(state)


def _walk(store: Store, path: tuple[State, ...]) -> Row:
    row = store.messages.accept(message())
    for state in path[1:]:
        leased = state is State.LEASED
        row = store.activations.begin(row.message, "s1", "{}") if leased else _move(store, row, state)
    return row


def _move(store: Store, row: Row, to: State) -> Row:
    """One step, with the reason "stopped": `holds` alone makes it of a queued row that is to be held."""
    if (row.state, to) != (State.QUEUED, State.HELD):
        return store.inbox.move(row.message, to, reason="stopped")
    assert store.holds.hold("bob", HoldCause.STOPPED) == 1
    return store.inbox.known_row(row.message)


def test_an_accepted_message_is_a_queued_row(store: Store, told: list[Event]) -> None:
    """All that was given comes back; the event names it without its body."""
    new = message(
        "secret words", topic="t", re="m0", attachments=("/a b", "/ü"), priority=1, not_before_ms=5, expires_ms=NOW * 2
    )
    row = store.messages.accept(new)
    assert row == store.inbox.row(new.id)
    assert (row.state, row.attempt, row.priority, row.created_ms) == (State.QUEUED, 1, 1, NOW)
    assert (row.sender, row.to, row.identity, row.body) == ("ann", "bob", BOB, "secret words")
    assert (row.topic, row.re, row.attachments) == ("t", "m0", ("/a b", "/ü"))
    assert (row.not_before_ms, row.expires_ms) == (5, NOW * 2)
    [event] = told
    assert (event.ev, event.message, event.personality, event.identity) == ("accepted", new.id, "bob", BOB)
    assert (event.data["from"], event.data["to"], event.data["sender"]) == (None, "queued", "ann")


def test_bodies_never_appear_in_events(store: Store, told: list[Event]) -> None:
    """Nor in what the events say when read again."""
    row = _leased(store, message("secret words"))
    store.activations.mark_typed(row)
    store.inbox.move(row.message, State.RUNNING)
    store.inbox.move(row.message, State.DONE)
    assert len(told) == 5
    assert "secret" not in repr(told) + repr(store.events.page())


def test_the_stored_body_is_exact(store: Store) -> None:
    """NUL, halves of surrogate pairs, line ends: sanitising is for typing, not for keeping."""
    assert store.inbox.row(store.messages.accept(message(HOSTILE)).message).body == HOSTILE  # type: ignore[union-attr]


def test_words_that_are_no_valid_text_do_not_lose_a_record(store: Store) -> None:
    """A topic or an error with half a surrogate pair is repaired, not refused."""
    row = _leased(store, message(topic="t\ud800"))
    store.inbox.move(row.message, State.UNKNOWN, error="e\udcff")
    found = store.inbox.row(row.message)
    assert found is not None
    assert (found.topic, found.error) == ("t?", "e?")


def test_accepted_for_a_stopped_peer_is_held(store: Store) -> None:
    """With its cause, and released by it."""
    row = store.messages.accept(message(held=causes(stopped=True)))
    assert (row.state, row.reason) == (State.HELD, "stopped")
    assert store.inbox.next_waiting(BOB) is None
    assert store.holds.release("bob", HoldCause.STOPPED) == 1
    assert store.inbox.next_waiting(BOB) == store.inbox.row(row.message)


def test_nobody_is_written_to_in_vain(store: Store) -> None:
    """A row for a peer that does not exist would never end, and a namesake born later would inherit it."""
    with pytest.raises(Refused, match="did you mean bob") as refused:
        store.messages.accept(message(to="bobb"))
    assert refused.value.code == "unknown-peer"
    assert store.inbox.counts() == {}


def test_a_key_replays_the_stored_answer(store: Store, told: list[Event]) -> None:
    """Same sender, key and content: the first row as it stands now, and nothing new is written or told."""
    first = store.messages.accept(message(key="k"))
    store.activations.begin(first.message, "s1", "{}")
    again = store.messages.accept(message(key="k", identity="codex-bob", not_before_ms=5))
    assert again == store.inbox.row(first.message)
    assert again.state is State.LEASED
    assert [event.ev for event in told] == ["accepted", "leased"]


@pytest.mark.parametrize(
    "change",
    [{"body": "other"}, {"topic": "t"}, {"re": "m0"}, {"to": "ann"}, {"attachments": ("/a",)}, {"asks": True}],
)
def test_a_key_with_other_content_is_a_conflict(store: Store, change: dict[str, Any]) -> None:
    """And nothing is stored."""
    store.messages.accept(message(key="k"))
    with pytest.raises(Refused) as refused:
        store.messages.accept(message(**{"key": "k", **change}))
    assert refused.value.code == "key-conflict"
    assert store.inbox.counts() == {"queued": 1}


def test_a_key_is_its_senders_own(store: Store) -> None:
    """Another sender may use the same word."""
    store.messages.accept(message(key="k"))
    assert store.messages.accept(message("other", key="k", sender="zed")).body == "other"


def test_a_burst_is_all_or_nothing(store: Store, told: list[Event]) -> None:
    """In order when it is accepted; not a trace when one of it is refused."""
    news = [message(str(number)) for number in range(5)]
    assert [row.body for row in store.messages.accept_many(news)] == list("01234")
    told.clear()
    before = store.events.last_seq()
    with pytest.raises(Refused):
        store.messages.accept_many([message(), message(to="nobody")])
    assert store.inbox.counts() == {"queued": 5}
    assert store.events.last_seq() == before
    assert told == []


def test_the_same_id_twice_is_refused(store: Store) -> None:
    """And the first stands."""
    store.messages.accept(message(id="m1"))
    with pytest.raises(Failed, match="UNIQUE"):
        store.messages.accept(message("other", id="m1"))
    assert store.messages.accept(message()).body == "hello"


def test_urgent_goes_first_else_arrival_order(store: Store) -> None:
    """Also among the urgent ones."""
    news = [message(str(number), priority=int(number in (2, 4))) for number in range(6)]
    store.messages.accept_many(news)
    taken = []
    while row := store.inbox.next_waiting(BOB):
        taken.append(row.body)
        store.inbox.move(row.message, State.CANCELLED)
    assert taken == list("240135")


def test_a_row_is_due_at_its_time_and_never_after_its_expiry(store: Store, clock: ManualClock) -> None:
    """Both edges; `next_deadline` says when to look again."""
    store.messages.accept(message("later", not_before_ms=NOW + 1000, expires_ms=NOW + 3000))
    assert store.inbox.next_waiting(BOB) is None
    assert store.inbox.next_deadline(NOW) == NOW + 1000
    clock.advance(1)
    assert store.inbox.next_waiting(BOB) is not None
    assert store.inbox.next_deadline(NOW + 1000) == NOW + 3000
    clock.advance(2)
    assert store.inbox.next_waiting(BOB) is None
    assert store.inbox.next_deadline(NOW + 3000) is None


def test_expiry(store: Store, told: list[Event]) -> None:
    """Waiting rows whose time has come; one in flight is past that."""
    flying = _leased(store, message(expires_ms=NOW))
    queued = store.messages.accept(message(expires_ms=NOW))
    held = store.messages.accept(message(expires_ms=NOW - 1, held=causes(stopped=True)))
    store.messages.accept(message(expires_ms=NOW + 1))
    told.clear()
    assert [row.message for row in store.inbox.expire(NOW)] == [held.message, queued.message]
    assert [event.ev for event in told] == ["expired", "expired"]
    assert store.inbox.expire(NOW) == []
    assert store.inbox.row(flying.message) == flying


@pytest.mark.parametrize("before", sorted(State))
@pytest.mark.parametrize("after", sorted(set(State) - {State.LEASED}))
def test_only_allowed_steps(store: Store, before: State, after: State) -> None:
    """Every pair: an allowed step is written and told, any other changes nothing."""
    row = _put(store, before)
    seq = store.events.last_seq()
    if after in STEPS[before]:
        moved = _move(store, row, after)
        assert moved == store.inbox.row(row.message)
        assert (moved.state, moved.reason) == (after, "stopped")
        [event] = store.events.page(seq)
        assert (event.data["from"], event.data["to"], event.data["reason"]) == (before, after, "stopped")
        return
    with pytest.raises(IllegalStep):
        store.inbox.move(row.message, after, reason="why")
    assert store.inbox.row(row.message) == row
    assert store.events.last_seq() == seq


def test_a_row_is_leased_by_its_activation_alone(store: Store) -> None:
    """`move` would leave out who holds it, and what releases what is held."""
    row = store.messages.accept(message())
    with pytest.raises(IllegalStep, match="leased by"):
        store.inbox.move(row.message, State.LEASED)
    with pytest.raises(IllegalStep, match="holds"):
        store.inbox.move(row.message, State.HELD, reason="stopped")
    with pytest.raises(Refused, match="no message"):
        store.inbox.move("nothing", State.DONE)


def test_a_note_is_told_only_when_it_changes(store: Store, told: list[Event]) -> None:
    """Why a queued row waits; a held row keeps its cause, and one in flight has nothing to wait for."""
    row = store.messages.accept(message())
    for reason in ("busy", "busy", "draft", None, None):
        store.inbox.note_reason(row.message, reason)
        assert store.inbox.row(row.message).reason == reason  # type: ignore[union-attr]
    assert [event.data.get("reason") for event in told if event.ev == "waiting"] == ["busy", "draft", None]
    store.holds.hold("bob", HoldCause.STOPPED)
    store.inbox.note_reason(row.message, "busy")
    assert store.inbox.row(row.message).reason == "stopped"  # type: ignore[union-attr]


def test_hold_and_release_by_cause(store: Store, told: list[Event]) -> None:
    """Of one peer, all its runtimes; what another cause holds or what is in flight stays; order is kept."""
    flying = _leased(store)
    news = [message(str(number), identity=identity) for number, identity in enumerate([BOB, "codex-bob", BOB])]
    rows = store.messages.accept_many(news)
    loop = store.messages.accept(message(held=causes(loop=True)))
    other = store.messages.accept(message(to="ann", identity="codex-ann"))
    told.clear()
    assert store.holds.hold("bob", HoldCause.STOPPED) == 4
    assert [(event.ev, event.data["reason"]) for event in told] == [("held", "stopped")] * 4
    assert store.holds.hold("bob", HoldCause.STOPPED) == 0
    assert (store.inbox.depth(BOB), store.inbox.depth("codex-bob"), store.inbox.depth("codex-ann")) == (3, 1, 1)
    assert store.holds.release("bob", HoldCause.STOPPED) == 4
    assert store.inbox.row(loop.message).state is State.HELD  # type: ignore[union-attr]
    assert store.inbox.row(other.message) == other
    assert store.inbox.row(flying.message) == flying
    assert store.inbox.next_waiting(BOB).message == rows[0].message  # type: ignore[union-attr]


def test_one_identity_of_a_peer_is_held_and_released_alone(store: Store) -> None:
    """What holds up one runtime does not hold up the other."""
    mine, others = store.messages.accept(message(identity=BOB)), store.messages.accept(message(identity="codex-bob"))
    assert not store.holds.any_held(BOB, HoldCause.GUARD)
    assert store.holds.hold("bob", HoldCause.GUARD, BOB) == 1
    assert store.holds.any_held(BOB, HoldCause.GUARD)
    assert not store.holds.any_held("codex-bob", HoldCause.GUARD)
    assert not store.holds.any_held(BOB, HoldCause.LOOP)
    assert store.holds.hold("ann", HoldCause.GUARD, "codex-bob") == 0
    assert store.inbox.next_waiting("codex-bob") == others
    assert store.holds.hold("bob", HoldCause.GUARD) == 1
    assert store.holds.release("bob", HoldCause.GUARD, BOB) == 1
    assert store.inbox.next_waiting(BOB).message == mine.message  # type: ignore[union-attr]
    assert store.inbox.next_waiting("codex-bob") is None


def test_a_backlog_is_held_from_behind_and_let_go_from_the_front(store: Store) -> None:
    """In parts, so that whoever takes the next row meanwhile takes the one whose turn it is."""
    rows = store.messages.accept_many([message(str(number)) for number in range(5)])
    assert store.holds.hold("bob", HoldCause.STOPPED, most=2) == 2
    assert [row.state for row in store.inbox.recent("bob")] == [State.QUEUED] * 3 + [State.HELD] * 2
    while store.holds.hold("bob", HoldCause.STOPPED, most=2):
        pass
    assert store.inbox.next_waiting(BOB) is None
    assert store.holds.release("bob", HoldCause.STOPPED, most=2) == 2
    assert store.inbox.next_waiting(BOB).message == rows[0].message  # type: ignore[union-attr]
    assert [row.state for row in store.inbox.recent("bob")] == [State.QUEUED] * 2 + [State.HELD] * 3


def test_what_became_due_between_two_looks(store: Store, clock: ManualClock) -> None:
    """And nothing that was due before, is due later, or is not queued."""
    for later, identity in ((0, "codex-bob"), (1, BOB), (1, BOB), (2, "codex-bob")):
        store.messages.accept(message(identity=identity, not_before_ms=NOW + later))
    store.messages.accept(message(to="ann", identity="codex-ann", not_before_ms=NOW + 1, held=causes(loop=True)))
    assert store.inbox.due_identities(NOW, NOW + 1) == [BOB]
    assert store.inbox.due_identities(NOW - 1, NOW + 2) == [BOB, "codex-bob"]


def test_an_inbox_of_any_size_is_shown_from_both_its_ends(store: Store) -> None:
    """Whose turn comes next, and what was said last; how many there are is counted."""
    rows = store.messages.accept_many([message(str(number)) for number in range(1500)])
    shown = store.inbox.recent("bob", limit=3)
    assert [row.seq for row in shown] == [row.seq for row in (*rows[:1000], *rows[-3:])]
    assert (store.inbox.count_unfinished("bob"), store.inbox.count_unfinished("ann")) == (1500, 0)


def test_depth_and_who_waits(store: Store) -> None:
    """Queued and held count; what is not yet due, in flight or final does not."""
    _leased(store)
    store.messages.accept_many([message(), message(held=causes(stopped=True)), message(not_before_ms=NOW * 2)])
    store.messages.accept(message(identity="codex-bob", held=causes(loop=True)))
    assert store.inbox.depth(BOB) == 2
    assert store.inbox.depth("nobody-there") == 0
    assert store.inbox.waiting_identities() == [BOB, "codex-bob"]
    assert store.inbox.counts() == {"held": 2, "leased": 1, "queued": 2}


def test_the_inbox_shows_the_newest_and_all_that_is_open(store: Store) -> None:
    """Newest last; an old row that still waits or runs is never cut off."""
    flying = _leased(store)
    waiting = store.messages.accept(message(held=causes(loop=True)))
    done = store.messages.accept_many([message(str(number)) for number in range(10)])
    for row in done:
        store.inbox.move(row.message, State.CANCELLED)
    store.messages.accept(message(to="ann"))
    shown = [row.message for row in store.inbox.recent("bob", limit=3)]
    assert shown == [flying.message, waiting.message, *(row.message for row in done[-3:])]
    assert [row.seq for row in store.inbox.recent("bob")] == sorted(row.seq for row in store.inbox.recent("bob"))
    assert len(store.inbox.recent("bob")) == 12


def test_every_final_state_leaves_the_identity_free(store: Store) -> None:
    """And is no longer waiting or in flight."""
    for state in sorted(FINAL):
        assert _put(store, state).state is state
        assert store.inbox.in_flight(BOB) is None
        assert store.inbox.depth(BOB) == 0


def test_a_row_that_ended_meanwhile_is_not_set_aside(store: Store) -> None:
    """It expired while somebody looked: it stays so, and nothing is told again."""
    row = store.messages.accept(message(expires_ms=1))
    store.inbox.expire(2)
    events = store.events.last_seq()
    assert store.inbox.set_aside(row.message, "late").state is State.EXPIRED
    assert store.events.last_seq() == events
