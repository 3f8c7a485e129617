"""Random histories: no row is ever lost, doubled or stuck, and the order of those that wait never changes."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from iapeer.model.errors import Refused
from iapeer.model.holds import RULE_OF, HoldCause, shown
from iapeer.model.states import FINAL, IN_FLIGHT, STEPS, State
from iapeer.store import Event, IllegalStep, Row, StaleLease, Store
from iapeer.testing.clock import ManualClock

from .samples import check_activations, message

IDENTITIES = {"claude-bob": "bob", "codex-bob": "bob", "claude-ann": "ann"}
CAUSES = st.sampled_from(HoldCause)


class Histories(RuleBasedStateMachine):
    """A model of what was accepted beside the store; every rule is one act of the daemon."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock()
        self.path = Path(self.folder.name) / "a.db"
        self.known: dict[str, State] = {}
        self.urgent: set[str] = set()
        self.leases: list[Row] = []  # as they were begun
        self.told: list[Event] = []
        self.open()
        for name in ("ann", "bob"):
            self.store.peers.add(name, f"/work/{name}")

    def open(self) -> None:
        self.store = Store(self.path, self.clock)
        self.store.observers.extend([self.told.append, self.follow])

    def follow(self, event: Event) -> None:
        """The model moves by what is told, nothing else."""
        if event.message is not None and "to" in event.data:
            to = State(str(event.data["to"]))
            before = self.known.get(event.message)
            assert before is None or to in STEPS[before], (before, to)
            self.known[event.message] = to

    def causes(self) -> dict[str, tuple[str, frozenset[HoldCause]]]:
        """Of every row: whose it is, and what holds it."""
        rows = [row for name in ("ann", "bob") for row in self.store.inbox.recent(name, 100_000)]
        return {row.message: (row.to, self.store.holds.causes_of(row)) for row in rows}

    def some(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.known)))

    @rule(identity=st.sampled_from(sorted(IDENTITIES)), urgent=st.booleans(), expires=st.none() | st.integers(1, 9))
    def accept(self, identity: str, urgent: bool, expires: int | None) -> None:
        due = None if expires is None else int(self.clock.wall() * 1000) + expires * 1000
        new = message(to=IDENTITIES[identity], identity=identity, priority=int(urgent), expires_ms=due)
        self.store.messages.accept(new)
        self.urgent |= {new.id} if urgent else set()

    @rule(
        identity=st.sampled_from(sorted(IDENTITIES)),
        secs=st.none() | st.integers(0, 9),
        some=st.sets(CAUSES, min_size=1, max_size=2),
    )
    def accept_held(self, identity: str, secs: int | None, some: set[HoldCause]) -> None:
        due = None if secs is None else int(self.clock.wall() * 1000) + secs * 1000
        new = message(to=IDENTITIES[identity], identity=identity, held=frozenset(some), not_before_ms=due)
        self.store.messages.accept(new)

    @rule(identity=st.sampled_from(sorted(IDENTITIES)))
    def accept_only_to_be_read(self, identity: str) -> None:
        self.store.messages.accept(message(to=IDENTITIES[identity], identity=identity, settled="informational"))

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        """What is held is given to who waited for it: done, without having been queued."""
        row = self.store.inbox.row(self.some(data))
        assert row is not None
        if row.state is State.HELD:
            assert self.store.inbox.move(row.message, State.DONE, outcome="returned").state is State.DONE

    @rule()
    def release_due(self) -> None:
        now = int(self.clock.wall() * 1000)
        for row in self.store.holds.release_due(now):
            assert row.not_before_ms is not None
            assert row.not_before_ms <= now
            assert not [cause for cause in self.store.holds.causes_of(row) if RULE_OF[cause].timed]

    @rule(identity=st.sampled_from(sorted(IDENTITIES)), session=st.sampled_from(["s1", "s2"]))
    def claim(self, identity: str, session: str) -> None:
        row = self.store.inbox.next_waiting(identity)
        if row is None:
            return
        if self.store.inbox.in_flight(identity) is None:
            self.leases.append(self.store.activations.begin(row.message, session, "{}"))
            assert self.leases[-1].state is State.LEASED
        else:
            try:
                self.store.activations.begin(row.message, session, "{}")
            except IllegalStep:
                return
            raise AssertionError("two in flight")

    @precondition(lambda self: self.known)
    @rule(data=st.data(), to=st.sampled_from(State))
    def move(self, data: st.DataObject, to: State) -> None:
        id = self.some(data)
        before = self.store.inbox.row(id)
        assert before is not None
        try:
            after = self.store.inbox.move(id, to, reason="why")
        except IllegalStep:
            assert self.store.inbox.row(id) == before
        else:
            assert after.state is to

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), to=st.sampled_from(State), attempt=st.none() | st.integers(1, 5))
    def act(self, data: st.DataObject, to: State, attempt: int | None) -> None:
        """Somebody who holds a row, or held it once, has a word about it."""
        held = data.draw(st.sampled_from(self.leases))
        before = self.store.inbox.row(held.message)
        assert before is not None
        mine = before.activation == held.activation and before.state in IN_FLIGHT
        try:
            if to is State.LEASED:
                self.store.activations.mark_typed(held)
            elif to is State.RUNNING:
                self.store.activations.prove(held, '{"a": 1}', attempt)
            else:
                self.store.activations.end(held, to, reason="why", attempt=attempt, evidence='{"b": 2}')
        except StaleLease:
            assert not mine
            assert self.store.inbox.row(held.message) == before
        except IllegalStep:
            assert to not in STEPS[before.state]
            assert self.store.inbox.row(held.message) == before
        else:
            assert mine

    @precondition(lambda self: self.known)
    @rule(data=st.data(), reason=st.sampled_from(["busy", None]))
    def note(self, data: st.DataObject, reason: str | None) -> None:
        self.store.inbox.note_reason(self.some(data), reason)

    @rule(peer=st.sampled_from(["ann", "bob"]), cause=CAUSES, most=st.sampled_from([-1, 1]))
    def hold(self, peer: str, cause: HoldCause, most: int) -> None:
        before = self.causes()
        while self.store.holds.hold(peer, cause, most=most) and most > 0:
            self.those_that_wait_keep_their_order()
        for id, causes in self.causes().items():
            mine = before[id][0] == peer and self.known[id] is State.HELD
            set_on = mine and (RULE_OF[cause].covers or not before[id][1])
            assert causes == (peer, before[id][1] | {cause}) if set_on else causes == before[id]

    @rule(peer=st.sampled_from(["ann", "bob"]), cause=CAUSES, most=st.sampled_from([-1, 1]))
    def release(self, peer: str, cause: HoldCause, most: int) -> None:
        before = self.causes()
        while self.store.holds.release(peer, cause, most=most) and most > 0:
            self.those_that_wait_keep_their_order()
        for id, (whose, causes) in self.causes().items():
            assert causes == (before[id][1] - {cause} if whose == peer else before[id][1])

    @rule(seconds=st.integers(1, 5))
    def expire(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.store.inbox.expire(int(self.clock.wall() * 1000))

    @rule()
    def remove(self) -> None:
        self.store.peers.remove("bob")
        assert self.store.inbox.recent("bob") == []
        self.store.peers.add("bob", "/work/bob")

    @rule()
    def refuse(self) -> None:
        try:
            self.store.messages.accept_many([message(), message(to="nobody")])
        except Refused:
            return
        raise AssertionError("half a burst")

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.open()

    @invariant()
    def every_row_is_where_it_was_told_to_be(self) -> None:
        rows = {id: self.store.inbox.row(id) for id in self.known}
        assert {id: row and row.state for id, row in rows.items()} == self.known
        assert self.store.inbox.counts() == Counter(self.known.values())
        assert [event for event in self.store.events.page(limit=100_000) if event.seq > 2] == self.told[2:]

    @invariant()
    def what_is_counted_is_what_there_is(self) -> None:
        now = int(self.clock.wall() * 1000)
        for identity, name in IDENTITIES.items():
            rows = [row for row in self.store.inbox.recent(name, 100_000) if row.identity == identity]
            line = [row for row in rows if row.state is State.HELD or (row.state is State.QUEUED and is_due(row, now))]
            assert self.store.inbox.depth(identity) == len(line)
            waits = any(row.state in (State.HELD, State.QUEUED) for row in rows)
            assert (identity in self.store.inbox.waiting_identities()) == waits
        for name in ("ann", "bob"):
            assert self.store.inbox.count_unfinished(name) == sum(
                row.state not in FINAL for row in self.store.inbox.recent(name, 100_000)
            )

    @invariant()
    def what_is_held_has_causes_and_shows_the_first(self) -> None:
        for id, state in self.known.items():
            row = self.store.inbox.row(id)
            assert row is not None
            causes = self.store.holds.causes_of(row)
            assert bool(causes) == (state is State.HELD)
            assert not causes or row.reason == shown(causes)

    @invariant()
    def one_in_flight_at_most(self) -> None:
        check_activations(self.store)
        flying = self.store.inbox.all_in_flight()
        assert sorted(row.message for row in flying) == sorted(
            id for id, state in self.known.items() if state in IN_FLIGHT
        )
        for row in flying:
            assert row.session is not None
            assert self.store.inbox.in_flight(row.identity) == row
            assert self.store.activations.of(row.message)[-1] == self.store.activations.open_of(row.identity)

    @invariant()
    def those_that_wait_keep_their_order(self) -> None:
        for identity in IDENTITIES:
            rows = self.store.database.all("SELECT message FROM inbox WHERE identity = ? ORDER BY seq", (identity,))
            now = int(self.clock.wall() * 1000)
            waiting = [id for (id,) in rows if self.known[id] is State.QUEUED]
            due = [id for id in waiting if self.is_due(id, now)]
            first = next((id for id in due if id in self.urgent), due[0] if due else None)
            found = self.store.inbox.next_waiting(identity)
            assert (found and found.message) == first

    def is_due(self, id: str, now: int) -> bool:
        row = self.store.inbox.row(id)
        assert row is not None
        return (row.expires_ms or now + 1) > now and (row.not_before_ms or 0) <= now

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()
        assert all(state in FINAL or STEPS[state] for state in self.known.values())


def is_due(row: Row, now: int) -> bool:
    """Whether its time has come."""
    return (row.not_before_ms or 0) <= now


Histories.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
test_histories = Histories.TestCase
