"""Questions and answers, what two peers said, what is held for a while, and what is remembered of a peer."""

from __future__ import annotations

from typing import Any

import pytest

from iapeer.model.errors import Refused
from iapeer.model.holds import HoldCause, causes
from iapeer.model.states import State
from iapeer.store import INFORMATIONAL, SYSTEM, Event, NewMessage, Row, Store
from iapeer.testing.clock import ManualClock

from .samples import BOB, message, session

BACK = {"sender": "bob", "sender_runtime": "claude", "to": "ann", "identity": "codex-ann"}
HOUSE = {"sender": SYSTEM, "sender_runtime": SYSTEM, "sender_intelligence": "absent"}


def _back(**changes: Any) -> NewMessage:
    """A message from bob to ann."""
    return message(**{**BACK, **changes})


def _answered(store: Store, asked: Row, **changes: Any) -> Row:
    return store.messages.accept(_back(**{"kind": "result", "re": asked.message, **changes}))


def test_the_reply_is_the_addressees_first_result_to_the_sender(store: Store, told: list[Event]) -> None:
    """Not a question back, not somebody else's word, not a notice of the house; each of them is a reply to be read."""
    store.peers.add("cid", "/work/cid")
    asked = store.messages.accept(message(asks=True))
    back = _answered(store, asked, kind="work")
    other = _answered(store, asked, sender="cid")
    _answered(store, asked, **HOUSE)
    assert store.messages.reply_to(asked) is None
    first, second = _answered(store, asked), _answered(store, asked)
    assert store.messages.reply_to(asked) == first
    assert store.messages.replies(asked.message) == [back, other, first, second]
    answered = [(event.message, event.data["reply"]) for event in told if event.ev == "answered"]
    assert answered == [(asked.message, first.message), (asked.message, second.message)]


def _end(store: Store, row: Row, state: State) -> None:
    store.activations.begin(row.message, "s1", "{}")
    store.inbox.move(row.message, State.RUNNING)
    store.inbox.move(row.message, state, outcome="ok" if state is State.DONE else "broken")


def test_untold_are_peers_whose_message_ended_without_a_word(store: Store) -> None:
    """A bad end without a notice, and a question that was done without an answer, whatever else names it."""
    failed, told, unasked, asked, answered = (store.messages.accept(message(asks=n > 2)) for n in range(5))
    operators = store.messages.accept(message(sender="operator"))
    strangers = store.messages.accept(message(sender="gone"))
    person = store.messages.accept(message(to="operator", identity="shell-operator", asks=True, settled=INFORMATIONAL))
    for row in (failed, told, operators, strangers):
        _end(store, row, State.FAILED)
    for row in (unasked, asked, answered):
        _end(store, row, State.DONE)
    _answered(store, told, **HOUSE)
    _answered(store, failed)  # the addressee's own word is no notice of the end
    _answered(store, asked, kind="work")  # a question back is no answer
    _answered(store, answered)
    assert store.inbox.row(person.message).state is State.DONE  # type: ignore[union-attr]
    assert [row.message for row in store.messages.untold(SYSTEM)] == [failed.message, asked.message]


def test_a_namesake_is_told_nothing_of_what_was_before_it(store: Store, clock: ManualClock) -> None:
    """A peer that was removed and made anew did not send what its namesake sent."""
    _end(store, store.messages.accept(message()), State.FAILED)
    assert len(store.messages.untold(SYSTEM)) == 1
    store.peers.remove("ann")
    clock.advance(1)
    store.peers.add("ann", "/work/ann")
    assert store.messages.untold(SYSTEM) == []


@pytest.mark.parametrize("jump", [-86_400, 86_400])
def test_who_asked_is_told_by_the_order_of_things(store: Store, clock: ManualClock, jump: int) -> None:
    """A clock set by a day makes nobody a namesake, nor a namesake anybody."""
    before = store.messages.accept(message())
    store.peers.remove("ann")
    clock.advance(jump)
    store.peers.add("ann", "/work/ann")
    clock.advance(-2 * jump)
    after = store.messages.accept(message())
    for row in (before, after):
        _end(store, row, State.FAILED)
    assert [row.message for row in store.messages.untold(SYSTEM)] == [after.message]
    assert (store.messages.is_of_namesake(before), store.messages.is_of_namesake(after)) == (True, False)


def test_what_is_held_for_a_while_waits_no_longer_than_that(store: Store, clock: ManualClock) -> None:
    """By a clock that is set back by a day; what its sender scheduled keeps its time."""
    now = int(clock.wall() * 1000)
    loop = store.messages.accept(message(held=causes(loop=True), not_before_ms=now + 60_000))
    meant = store.messages.accept(message(held=causes(loop=True), not_before_ms=now + 3_600_000))
    clock.advance(-86_400)
    now -= 86_400_000
    store.holds.set_back(now, 120_000)
    assert store.holds.release_due(now + 59_999) == []
    assert [row.message for row in store.holds.release_due(now + 60_000)] == [loop.message]
    clock.advance(60)
    assert store.inbox.next_waiting(BOB) is not None
    assert store.inbox.row(meant.message) == meant


def _between(store: Store, since: int, topic: str | None = None) -> list[tuple[str, int]]:
    return store.messages.between("ann", "bob", topic, since, HoldCause.LOOP)


def test_what_two_peers_said_to_each_other(store: Store, clock: ManualClock) -> None:
    """Both ways, by time, of one topic, after a time; what was only to be read was not said to the agent."""
    now = int(clock.wall() * 1000)
    store.messages.accept(message())
    clock.advance(1)
    store.messages.accept(_back())
    store.messages.accept(message(topic="t"))
    store.messages.accept(_back(settled=INFORMATIONAL))
    store.messages.accept(message(to="operator", identity="shell-operator", settled=INFORMATIONAL))
    store.messages.accept(message())
    assert _between(store, now - 1) == [("ann", now), ("bob", now + 1000), ("ann", now + 1000)]
    assert _between(store, now) == [("bob", now + 1000), ("ann", now + 1000)]
    assert _between(store, 0, "t") == [("ann", now + 1000)]


def test_what_was_said_by_a_clock_that_was_set_back_is_forgotten(store: Store, clock: ManualClock) -> None:
    """Else whatever comes next would be held until that time comes again."""
    store.messages.accept(message())
    clock.advance(-3600)
    now = int(clock.wall() * 1000)
    store.messages.accept(_back())
    assert _between(store, now - 1) == [("bob", now)]


def test_what_is_held_counts_at_its_time_and_what_is_scheduled_not_before(store: Store, clock: ManualClock) -> None:
    """Also long after it was accepted: the window is about when it goes."""
    now = int(clock.wall() * 1000)
    store.messages.accept(message(held=causes(loop=True), not_before_ms=now + 90_000))
    store.messages.accept(_back(not_before_ms=now + 50_000))
    store.messages.accept(_back(held=causes(stopped=True), not_before_ms=now + 50_000))
    assert _between(store, now - 1) == [("ann", now + 90_000)]
    clock.advance(60)
    assert _between(store, now + 20_000) == [("bob", now + 50_000)] * 2 + [("ann", now + 90_000)]
    clock.advance(60)
    store.holds.release_due(now + 90_000)
    assert _between(store, now + 80_000) == [("ann", now + 90_000)]
    assert _between(store, now + 90_000) == []


def test_what_is_held_for_a_while_is_released_when_due(store: Store, told: list[Event]) -> None:
    """Only what is held for that cause and due, in order; its place in the inbox stays."""
    first, later, other = (
        store.messages.accept(message(held=held, not_before_ms=at))
        for held, at in ((causes(loop=True), 5), (causes(loop=True), 9), (causes(stopped=True), 5))
    )
    urgent = store.messages.accept(message(held=causes(loop=True), not_before_ms=6, priority=1))
    assert store.inbox.next_waiting(BOB) is None
    assert [row.message for row in store.holds.release_due(8)] == [first.message, urgent.message]
    assert [event.ev for event in told][-2:] == ["queued", "queued"]
    assert store.holds.release_due(8) == []
    found = store.inbox.next_waiting(BOB)
    assert found is not None
    assert found.message == urgent.message
    assert [store.inbox.row(row.message).state for row in (later, other)] == [State.HELD] * 2  # type: ignore[union-attr]


def test_the_next_deadline_knows_what_is_held(store: Store, clock: ManualClock) -> None:
    """The earliest of what is scheduled, held for a while, and about to expire."""
    now = int(clock.wall() * 1000)
    store.messages.accept(message(expires_ms=now + 9000))
    store.messages.accept(message(not_before_ms=now + 7000))
    store.messages.accept(message(held=causes(loop=True), not_before_ms=now + 5000))
    assert store.inbox.next_deadline(now) == now + 5000
    assert store.inbox.next_deadline(now + 4999) == now + 5000
    assert store.inbox.next_deadline(now + 5000) == now + 7000
    assert store.inbox.next_deadline(now + 8000) == now + 9000
    assert store.inbox.next_deadline(now + 9000) is None
    clock.advance(6)  # what came due since a look is not overlooked by the next
    assert store.inbox.next_deadline(now) == now + 5000


def test_a_key_is_known_before_anything_is_placed(store: Store) -> None:
    """None without a key or with a new one; the row as it stands; a conflict as when it is accepted."""
    wish = message(key="k", topic="t", wish=(None, None, False))
    assert store.messages.by_key_and_content(wish) is None
    row = store.messages.accept(wish)
    _end(store, row, State.DONE)
    again = store.messages.by_key_and_content(
        message(key="k", topic="other", wish=(None, None, False), identity="codex-bob")
    )
    assert again == store.inbox.row(row.message)
    assert store.messages.by_key_and_content(message()) is None
    with pytest.raises(Refused, match="other content"):
        store.messages.by_key_and_content(message("else", key="k", wish=(None, None, False)))


def test_a_session_keeps_its_sixteen_newest_topics(store: Store) -> None:
    """The one that came again is the newest."""
    store.sessions.open(session())
    for number in [*range(20), 6, 6]:
        store.sessions.add_topic("s1", f"t{number}")
    topics = store.sessions.get("s1").topics_list  # type: ignore[union-attr]
    assert topics == [f"t{number}" for number in [4, 5, *range(7, 20), 6]]
    store.sessions.add_topic("gone", "t")


def test_marks_stay_until_they_are_taken_away(store: Store, told: list[Event]) -> None:
    """Of one identity, told once, and gone with the peer."""
    store.flags.set(BOB, "bob", "refresh")
    store.flags.set("codex-bob", "bob", "refresh")
    assert store.flags.of(BOB) == ["refresh"]
    assert store.flags.clear(BOB, "refresh")
    assert not store.flags.clear(BOB, "refresh")
    assert (store.flags.of(BOB), store.flags.of("codex-bob")) == ([], ["refresh"])
    assert [event.ev for event in told] == ["marked", "marked", "unmarked"]
    store.peers.remove("bob")
    assert store.flags.of("codex-bob") == []


def test_a_peer_is_moved(store: Store, told: list[Event]) -> None:
    """Its intent, sessions and messages are as they were; another peer's folder is refused, and nothing changes."""
    store.peers.set_stopped("bob", True)
    row = store.messages.accept(message())
    moved = store.peers.move("bob", "/work/new")
    assert store.peers.get("bob") == moved == store.peers.at_folder("/work/new")
    assert (moved.stopped, store.peers.at_folder("/work/bob"), store.inbox.row(row.message)) == (True, None, row)
    assert [(event.ev, event.data) for event in told][-1] == ("peer_moved", {"from": "/work/bob", "to": "/work/new"})
    with pytest.raises(Refused, match="/work/ann") as refused:
        store.peers.move("bob", "/work/ann")
    assert refused.value.code == "folder-taken"
    with pytest.raises(Refused):
        store.peers.move("bobb", "/work/else")
    assert store.peers.get("bob") == moved
