"""Sessions: one open per identity, ended once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iapeer.model.errors import Failed, Refused
from iapeer.store import Event, SessionRecord, Store
from iapeer.testing.clock import ManualClock

from .samples import BOB, message, session

FULL = session(
    mode="resume",
    conversation="c",
    transcript="/t",
    pid=1,
    pid_started=1.5,
    server_pid=2,
    server_started=2.25,
    boot_id="b",
    ready_ms=3,
    last_screen="screen",
    log_offset=4,
)


def test_what_was_opened_is_read_back(store: Store, told: list[Event]) -> None:
    """Every column; the event has mode and cause and no token."""
    store.sessions.open(FULL)
    assert store.sessions.get("s1") == FULL
    assert store.sessions.all_open() == [FULL]
    assert store.sessions.last(BOB) == FULL
    [event] = told
    assert (event.ev, event.session, event.data) == ("session_opened", "s1", {"mode": "resume", "cause": "first-wake"})
    assert "hash-s1" not in repr(event)
    assert store.sessions.get("s2") is None


def test_one_open_session_per_identity(store: Store) -> None:
    """In words, and by SQLite itself; another identity is free."""
    store.sessions.open(session())
    with pytest.raises(Refused, match="s1") as refused:
        store.sessions.open(session("s2"))
    assert refused.value.code == "session-open"
    store.sessions.open(session("s3", identity="codex-bob"))
    with pytest.raises(Failed, match="UNIQUE"), store.database.write():
        store.database.run("UPDATE sessions SET identity = ? WHERE id = 's3'", (BOB,))


def test_changes(store: Store, told: list[Event]) -> None:
    """Only what is named; only columns that may change."""
    store.sessions.open(session())
    store.sessions.change("s1", ready_ms=9, pid=7, log_offset=11)
    assert store.sessions.get("s1") == replace(session(), ready_ms=9, pid=7, log_offset=11)
    store.sessions.change("s1")
    store.sessions.change("gone", pid=1)
    assert store.sessions.get("gone") is None
    for wrong in ({"colour": 1}, {"identity": "x"}, {"ended_ms": 1}, {"pid = 1; --": 1}):
        with pytest.raises(TypeError, match="not a changeable column"):
            store.sessions.change("s1", **wrong)
    assert len(told) == 1


def test_a_session_ends_once(store: Store, clock: ManualClock, told: list[Event]) -> None:
    """The first end stands; the last screen of before stays if there is no newer one."""
    store.sessions.open(replace(session(), last_screen="before"))
    clock.advance(1)
    ended = store.sessions.end("s1", cause="died", exit_code=None, signal=9)
    assert ended == replace(session(), last_screen="before", ended_ms=1_700_000_001_000, end_cause="died", signal=9)
    clock.advance(1)
    assert store.sessions.end("s1", cause="parked", exit_code=0, last_screen="x") == ended
    assert store.sessions.get("s1") == ended
    assert [event.ev for event in told] == ["session_opened", "session_ended"]
    assert told[1].data == {"cause": "died", "exit_code": None, "signal": 9}
    assert store.sessions.end("gone", cause="died") is None
    assert store.sessions.all_open() == []


def test_the_newest_is_the_one_that_was_opened_last(store: Store) -> None:
    """Also when the clock was set back by a day in between."""
    day = 86_400_000
    for number, began in enumerate((0, day, 2 * day, day - 5, day)):
        made = session(f"s{number}", started_ms=began)
        store.sessions.open(made)
        assert store.sessions.last(BOB) == made
        store.sessions.end(made.id, cause="parked")
    assert [one.id for one in store.sessions.newest_of(BOB, 3)] == ["s2", "s3", "s4"]
    assert [one.id for one in store.sessions.newest("bob")] == ["s0", "s1", "s2", "s3", "s4"]


def test_a_message_came_after_a_session_began(store: Store, clock: ManualClock) -> None:
    """By the order of events."""
    before = store.messages.accept(message())
    clock.advance(-86_400)
    store.sessions.open(session())
    clock.advance(-86_400)
    after = store.messages.accept(message())
    assert not store.events.came_after(before.message, session())
    assert store.events.came_after(after.message, session())
    assert not store.events.came_after("nothing", session())


def test_a_token_is_void_when_its_session_ends(store: Store) -> None:
    """And was never anybody else's."""
    store.sessions.open(session())
    assert store.sessions.by_token("hash-s1") == session()
    assert store.sessions.by_token("hash-s2") is None
    store.sessions.end("s1", cause="parked")
    assert store.sessions.by_token("hash-s1") is None


def test_history(store: Store) -> None:
    """The last session is the newest by start; a list is the newest of all runtimes, newest last."""

    def ran(number: int, identity: str = BOB) -> SessionRecord:
        made = session(f"s{number}", identity=identity, started_ms=1000 + number // 2)
        store.sessions.open(made)
        ended = store.sessions.end(made.id, cause="parked")
        assert ended is not None
        return ended

    all_of_them = [ran(number) for number in range(4)] + [ran(9, "codex-bob")]
    assert store.sessions.last(BOB) == all_of_them[3]
    assert store.sessions.last("codex-bob") == all_of_them[4]
    assert store.sessions.last("codex-ann") is None
    assert store.sessions.newest("bob", 3) == all_of_them[-3:]
    assert store.sessions.newest("ann") == []
    assert store.sessions.newest_of(BOB, 3) == all_of_them[1:4]
    assert store.sessions.newest_of("codex-bob", 3) == all_of_them[4:]
    assert store.sessions.newest_of("codex-ann", 3) == []
