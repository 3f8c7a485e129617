"""The table of causes, as a table: who sets and releases each, what lasts, what is shown, and what two of them do."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from itertools import permutations

import pytest

from iapeer.fleet.holds import Holds
from iapeer.model.holds import HOLD_RULES, RULE_OF, HoldCause, HoldRule, Party, shown
from iapeer.model.ids import uuid7
from iapeer.model.states import State
from iapeer.store import PART, NewMessage, Row, Store

BOB, UNTIL_MS = "claude-bob", 1000
AT_INTAKE = [rule.cause for rule in HOLD_RULES if rule.set_by is Party.MAIL]
PAIRS = list(permutations(HoldCause, 2))
every_rule = pytest.mark.parametrize("rule", HOLD_RULES, ids=lambda rule: rule.cause)


def _accept(store: Store, *causes: HoldCause) -> Row:
    """A message for bob; one that is held until a time carries it."""
    until = UNTIL_MS if any(RULE_OF[cause].timed for cause in causes) else None
    number = store.inbox.counts().values()
    new = NewMessage(
        id=uuid7(sum(number)), sender="ann", sender_runtime="codex", sender_intelligence="artificial", to="bob",
        identity=BOB, body="x", held=frozenset(causes), not_before_ms=until,
    )  # fmt: skip
    return store.messages.accept(new)


def _set(holds: Holds, cause: HoldCause) -> None:
    """By whom the table names; what intake sets is set there."""
    match RULE_OF[cause].set_by:
        case Party.CONTROL:
            asyncio.run(holds.stop("bob", None))
        case Party.ACTOR:
            holds.hold(BOB, cause)


def _release(holds: Holds, cause: HoldCause, row: Row) -> None:
    match RULE_OF[cause].released_by:
        case Party.CONTROL:
            asyncio.run(holds.start("bob", None))
        case Party.ACTOR:
            holds.release(BOB, cause)
        case Party.MAIL:
            holds.let_in(row)
        case Party.TIME:
            holds.release_due(UNTIL_MS)


def _held_by(store: Store, holds: Holds, *causes: HoldCause) -> Row:
    """A row that these causes are set on, in this order, as far as they can be."""
    row = _accept(store, *(cause for cause in causes if cause in AT_INTAKE))
    for cause in causes:
        _set(holds, cause)
    return store.inbox.known_row(row.message)


def _stands(store: Store, row: Row) -> tuple[State, str | None, Set[HoldCause]]:
    now = store.inbox.known_row(row.message)
    return now.state, now.reason, store.holds.causes_of(now)


def test_every_cause_has_one_line() -> None:
    """And each yields to those above it."""
    order = [rule.cause for rule in HOLD_RULES]
    assert sorted(order) == sorted(HoldCause)
    assert order == [HoldCause.STOPPED, HoldCause.GUARD, HoldCause.ATTACHED, HoldCause.AWAITED, HoldCause.LOOP]
    assert all(shown(pair) is min(pair, key=order.index) for pair in PAIRS)
    assert shown(()) is None


@every_rule
def test_it_is_set_and_released_by_those_it_names(store: Store, holds: Holds, rule: HoldRule) -> None:
    """The row is held, says why, and waits again in its place."""
    row = _held_by(store, holds, rule.cause)
    assert _stands(store, row) == (State.HELD, rule.cause, {rule.cause})
    for other in HOLD_RULES:
        if other.released_by is not rule.released_by:
            _release(holds, other.cause, row)
    assert _stands(store, row) == (State.HELD, rule.cause, {rule.cause})
    _release(holds, rule.cause, row)
    assert _stands(store, row) == (State.QUEUED, None, frozenset())


@every_rule
def test_an_actor_sets_and_releases_its_own_alone(holds: Holds, rule: HoldRule) -> None:
    """Another's cause is not its to set."""
    for act, party in ((holds.hold, rule.set_by), (holds.release, rule.released_by)):
        if party is not Party.ACTOR:
            with pytest.raises(AssertionError):
                act(BOB, rule.cause)


@every_rule
def test_what_lasts_over_a_restart(store: Store, holds: Holds, rule: HoldRule) -> None:
    """The rest is let go of by the next daemon."""
    row = _held_by(store, holds, rule.cause)
    asyncio.run(Holds(store).release_lost("bob"))
    assert (_stands(store, row)[0] is State.HELD) == rule.lasts


@every_rule
def test_until_when(store: Store, holds: Holds, rule: HoldRule) -> None:
    """One that is over by itself is over at its time, not before; the store knows when."""
    row = _held_by(store, holds, rule.cause)
    assert store.inbox.next_deadline(UNTIL_MS - 1) == (UNTIL_MS if rule.timed else None)
    assert holds.release_due(UNTIL_MS - 1) == []
    assert len(holds.release_due(UNTIL_MS)) == rule.timed
    assert (_stands(store, row)[0] is State.QUEUED) == rule.timed


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_two_causes_of_one_row(store: Store, holds: Holds, first: HoldCause, second: HoldCause) -> None:
    """The first by precedence is shown; who releases one leaves the row to the other, whichever goes first.

    An actor sets its causes on what waits free: what another cause holds already is left to that one.
    """
    row = _held_by(store, holds, first, second)
    late = RULE_OF[second].set_by is Party.ACTOR or (RULE_OF[first].set_by is Party.ACTOR and second in AT_INTAKE)
    if late:
        kept = second if second in AT_INTAKE else first
        assert _stands(store, row) == (State.HELD, kept, {kept})
        return
    assert _stands(store, row) == (State.HELD, shown((first, second)), {first, second})
    _release(holds, first, row)
    assert _stands(store, row) == (State.HELD, second, {second})
    _release(holds, second, row)
    assert _stands(store, row) == (State.QUEUED, None, frozenset())


@every_rule
def test_a_row_that_ends_carries_no_cause(store: Store, holds: Holds, rule: HoldRule) -> None:
    """Nothing of it is released later."""
    row = _held_by(store, holds, rule.cause)
    store.inbox.move(row.message, State.CANCELLED)
    assert _stands(store, row)[2] == frozenset()
    _release(holds, rule.cause, row)
    assert _stands(store, row)[0] is State.CANCELLED


@every_rule
def test_many_rows_go_in_parts(store: Store, holds: Holds, rule: HoldRule) -> None:
    """Never more than PART in one transaction, set or released."""
    rows = [_accept(store, *([rule.cause] if rule.cause in AT_INTAKE else [])) for _ in range(2 * PART + 1)]
    if rule.set_by is Party.ACTOR:
        assert [holds.hold(BOB, rule.cause) for _ in range(4)] == [PART, PART, 1, 0]
        assert [holds.release(BOB, rule.cause) for _ in range(4)] == [PART, PART, 1, 0]
    elif rule.released_by is Party.TIME:
        assert [len(holds.release_due(UNTIL_MS)) for _ in range(4)] == [PART, PART, 1, 0]
    else:
        _set(holds, rule.cause)
        assert {_stands(store, row)[0] for row in rows} == {State.HELD}


def test_a_stop_covers_what_others_hold_in_parts(store: Store, holds: Holds) -> None:
    """A backlog that the guard left down; the start leaves it to the guard."""
    rows = [_accept(store) for _ in range(2 * PART + 1)]
    while holds.hold(BOB, HoldCause.GUARD):
        pass
    asyncio.run(holds.stop("bob", None))
    assert {_stands(store, row) for row in rows} == {(State.HELD, "stopped", frozenset({"stopped", "guard"}))}
    asyncio.run(holds.start("bob", None))
    assert {_stands(store, row) for row in rows} == {(State.HELD, "guard", frozenset({"guard"}))}
