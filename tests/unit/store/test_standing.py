"""How identities stand: the same as asked one by one, in two reads, from indexes alone."""

from __future__ import annotations

import re

from iapeer.model.holds import causes
from iapeer.model.states import State
from iapeer.store import ARMED, REFRESH, IdentityRecord, Store
from iapeer.store.status import LAST, STANDING
from iapeer.testing.clock import ManualClock
from tests.unit.store.samples import BOB, message, session


def test_who_never_was_stands_so(store: Store) -> None:
    """For each name an answer, and none for none."""
    assert store.statuses.of([BOB, "codex-ann"]) == {BOB: IdentityRecord(), "codex-ann": IdentityRecord()}
    assert store.statuses.of([]) == {}


def test_everything_of_one_beside_others(store: Store) -> None:
    """Its line, what is held and by what, its marks, the message that it is at, its last session."""
    store.sessions.open(session("s0"))
    store.sessions.end("s0", cause="exit", last_screen="a screen")
    store.sessions.open(session("s1"))
    at, *_ = [
        store.messages.accept(message("hellö\nthere" + "x" * 5000)),
        store.messages.accept(message()),
        store.messages.accept(message()),
    ]
    store.messages.accept(message(held=causes(loop=True)))
    store.messages.accept(message(identity="codex-bob"))
    store.activations.begin(at.message, "s1", "{}")
    store.flags.set(BOB, "bob", ARMED)
    store.flags.set("codex-bob", "bob", REFRESH)
    found = store.statuses.of([BOB, "codex-bob", "claude-ann"])
    bob = found[BOB]
    assert (bob.depth, bob.held, bob.held_by, set(bob.marks)) == (3, 1, "loop", {ARMED})
    assert bob.depth == store.inbox.depth(BOB)
    assert bob.task is not None and bob.last is not None
    assert (bob.task.message, bob.task.sender, bob.task.state, bob.task.attempt) == (at.message, "ann", State.LEASED, 1)
    assert bob.task.start.startswith("hellö\nthere") and len(bob.task.start) < 1100
    assert bob.last.id == "s1"
    other = found["codex-bob"]
    assert (other.depth, other.held, set(other.marks), other.task, other.last) == (1, 0, {REFRESH}, None, None)
    assert found["claude-ann"] == IdentityRecord()


def test_the_last_session_is_the_newest(store: Store, clock: ManualClock) -> None:
    """Without its screen, and as `last_session` has it else."""
    for number in range(3):
        store.sessions.open(session(f"s{number}"))
        store.sessions.end(f"s{number}", cause="exit", exit_code=number, last_screen="a screen")
    found, last = store.statuses.of([BOB])[BOB].last, store.sessions.last(BOB)
    assert found is not None and last is not None
    assert (found.id, found.end_cause, found.exit_code, found.last_screen) == ("s2", "exit", 2, None)
    assert (last.id, last.started_ms, last.topics) == (found.id, found.started_ms, found.topics)


def test_no_table_is_scanned(store: Store) -> None:
    """However many rows and sessions there are."""
    store.messages.accept_many([message(str(number)) for number in range(50)])
    for sql, values in ((STANDING, {"identities": "[]", "now": 1}), (LAST, ("[]",))):
        for _ in range(2):
            plan = [line[3] for line in store.database.connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
            assert not [line for line in plan if re.match(r"SCAN (?!w |CONSTANT)", line)], plan
            store.database.connection.execute("ANALYZE")
