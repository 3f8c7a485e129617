"""The durable inbox: every message to a peer is a row here, and this is how it gets from state to state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from iapeer.model.errors import Refused
from iapeer.model.states import IN_FLIGHT, State, allowed
from iapeer.store.database import Values
from iapeer.store.errors import IllegalStep
from iapeer.store.queries import (
    ALL,
    ALL_IN_FLIGHT,
    CLOSE,
    COUNT,
    DEADLINE,
    DEPTH,
    DISOWN,
    DUE,
    EXPIRED,
    FOLLOW,
    IDENTITIES,
    IN_FLIGHT_OF,
    INFORMATIONAL,
    NEXT_WAITING,
    OLDEST,
    OPEN_ROWS,
    RECENT,
    RECOUNT,
    SELECT_ROW,
    UNFINISHED_OF,
    UNHELD,
)  # fmt: skip
from iapeer.store.repository import Repository
from iapeer.store.rows import Row, read_row

REMOVED = "peer removed"
_CHANGING = ("state", "reason", "attempt", "outcome", "error", "updated_ms")
_RARE = ("activation", "not_before_ms")
PART = 50  # rows that are held or let go in one transaction where there may be any number, and others wait


class Inbox(Repository):
    """Rows, and the steps between their states. A step is checked, written and told in one transaction."""

    def row(self, message_id: str) -> Row | None:
        """The row of a message, also of a peer that was removed; or None. One read."""
        values = self._db.one(f"{SELECT_ROW} WHERE i.message = ?", (message_id,))
        return read_row(values) if values else None

    def next_waiting(self, identity: str) -> Row | None:
        """The queued row to take next, or None: due and not expired, urgent ones first, then in order. One read."""
        now = self._db.now()
        values = self._db.one(NEXT_WAITING, (identity, now, now))
        return read_row(values) if values else None

    def in_flight(self, identity: str) -> Row | None:
        """The one row that is leased, stranded, unknown, running or needs input, or None. One read."""
        values = self._db.one(IN_FLIGHT_OF, (identity,))
        return read_row(values) if values else None

    def recent(self, personality: str, limit: int = 100) -> list[Row]:
        """The newest `limit` rows and the oldest 1000 that are not final, newest last. One read."""
        return [read_row(values) for values in self._db.all(RECENT, (personality, limit, personality, OLDEST))]

    def count_unfinished(self, personality: str) -> int:
        """How many rows of the peer are not final. One read."""
        return int(self._db.all(OPEN_ROWS, (personality,))[0][0])

    def depth(self, identity: str) -> int:
        """How many rows are queued or held; what is for a later time is not in line yet. One read."""
        return int(self._db.all(DEPTH, {"identity": identity, "now": self._db.now()})[0][0])

    def waiting_identities(self) -> list[str]:
        """The identities with a queued or held row, due or not, by name. One read."""
        return sorted(str(identity) for (identity,) in self._db.all(IDENTITIES))

    def due_identities(self, after: int, until: int) -> list[str]:
        """The identities with a queued row that became due after one time (ms), until the other, by name. One read."""
        return sorted(str(identity) for (identity,) in self._db.all(DUE, (after, until)))

    def all_in_flight(self) -> list[Row]:
        """The in-flight row of every identity that has one: what a daemon that comes back must settle. One read."""
        return sorted((read_row(values) for values in self._db.all(ALL_IN_FLIGHT)), key=lambda row: row.seq)

    def next_deadline(self, now: int) -> int | None:
        """When, after `now`, a waiting row next becomes due or expires (ms since 1970); None if never. One read."""
        when = self._db.all(DEADLINE, {"now": now})[0][0]
        return None if when is None else int(when)

    def counts(self) -> dict[str, int]:
        """How many rows are in each state that has any, those of removed peers included. One read."""
        return dict(self._db.all("SELECT state, sum(amount) FROM tally WHERE amount > 0 GROUP BY state ORDER BY state"))

    def known_row(self, message_id: str) -> Row:
        """The row of a message; Refused when there is none. One read."""
        row = self.row(message_id)
        if row is None:
            raise Refused(f"There is no message '{message_id}': `iapeer events` lists them.", code="unknown-message")
        return row

    def _unfinished(self, personality: str, most: int) -> list[Row]:
        return [read_row(values) for values in self._db.all(UNFINISHED_OF, (personality, most))]

    def move(
        self,
        message_id: str,
        to: State,
        *,
        reason: str | None = None,
        outcome: str | None = None,
        error: str | None = None,
    ) -> Row:
        """One step in one transaction, with the event named after it. `reason` is replaced; the others only when given.

        IllegalStep when the step is not allowed. An activation begins by `Activations.begin` alone, and goes the way of
        its rows; a row is held by `Holds` alone, and whatever held it is over once it goes another way.
        """
        given = {"outcome": outcome, "error": error}
        changes = {name: value for name, value in given.items() if value is not None}
        with self._db.write():
            row = self.known_row(message_id)
            check(row, to)
            if to is State.LEASED:
                raise IllegalStep(f"Message {message_id} is leased by `begin`, which records who holds it.")
            if to is State.HELD:
                raise IllegalStep(f"Message {message_id} is held by `holds`, which records what releases it.")
            return self.step(row, to, reason=reason, **changes)

    def note_reason(self, message_id: str, reason: str | None) -> None:
        """Write why a queued row waits, in one transaction with a `waiting` event; nothing if it says so already.

        `reason` None: nothing is in its way. Other rows are left as they are: the reason of a held one is its cause.
        """
        with self._db.write():
            row = self.known_row(message_id)
            if row.state is State.QUEUED and row.reason != reason:
                self._db.run(*_saving(replace(row, reason=reason, updated_ms=self._db.now())))
                self.tell_of(row, "waiting", {"reason": reason})

    def set_aside(self, message_id: str, why: str) -> Row:
        """Keep a queued message to be read, in one transaction: held with the reason, then done; an event each.

        Nothing is done to a row that is not queued any more.
        """
        with self._db.write():
            row = self.known_row(message_id)
            if row.state is not State.QUEUED:
                return row
            held = self.step(row, State.HELD, reason=why)
            return self.step(held, State.DONE, outcome=INFORMATIONAL)

    def show_cause(self, row: Row, cause: str) -> Row:
        """Write which of its causes a held row shows, and a `held` event."""
        after = replace(row, reason=cause, updated_ms=self._db.now())
        self._db.run(*_saving(after))
        self.tell_of(after, "held", {"reason": cause})
        return after

    def expire(self, now: int, most: int = ALL) -> list[Row]:
        """Expire every waiting row whose time is over at `now` (ms since 1970), in one transaction; an `expired` event
        each. `most`: only so many, those that expired first. The rows as they are then.
        """
        with self._db.write():
            rows = [read_row(values) for values in self._db.all(EXPIRED, (now, most))]
            return [self.step(row, State.EXPIRED, reason="expired") for row in rows]

    def end_all(self, personality: str, most: int = ALL) -> list[Row]:
        """End every row of a peer that goes as dead, in one transaction, the oldest first; a `dead` event each.

        `most`: only so many. Its open activation ends with its row.
        """
        with self._db.write():
            return [self.step(row, State.DEAD, reason=REMOVED) for row in self._unfinished(personality, most)]

    def disown(self, personality: str, most: int) -> int:
        """Let `most` rows of a peer that goes count for its name no more, in one transaction without an event.

        How many there were.
        """
        with self._db.write():
            return self._db.run(DISOWN, (personality, most)).rowcount

    def step(
        self, row: Row, to: State, *, reason: str | None = None, evidence: str | None = None, **changes: Any
    ) -> Row:
        """Write one step that was checked, and its event; the row's open activation follows it.

        Back in the queue it is in none. `changes` are columns; `evidence` is for its activation.
        """
        if to is State.QUEUED:
            changes |= {"activation": None, "session": None, "baseline": None, "typed_ms": None}
        after = replace(row, state=to, reason=reason, updated_ms=self._db.now(), **changes)
        story = {"from": row.state, "to": to, "reason": reason, "attempt": after.attempt}
        if changes.get("error") is not None:
            story["error"] = after.error
        self._db.run_all(
            *([(UNHELD, (row.seq,))] if row.state is State.HELD else []),
            (RECOUNT, (row.identity, row.state, row.identity, to)),
            _saving(after, *(name for name in _RARE if name in changes)),
            *([_following(row, after, evidence)] if row.state in IN_FLIGHT else []),
        )
        self.tell_of(after, _event_name(row.state, to), story, session=after.session or row.session)
        return after

    def count(self, identity: str, state: State, more: int) -> None:
        """Whoever writes new rows says so here, in the same transaction."""
        self._db.run(COUNT, (identity, state, more))

    def tell_of(self, row: Row, ev: str, data: Mapping[str, object], session: str | None = None) -> None:
        """Append an event of this row to the open transaction."""
        self._db.emit(
            ev,
            personality=row.to,
            identity=row.identity,
            message=row.message,
            session=session or row.session,
            data=data,
        )


def _saving(row: Row, *rare: str) -> tuple[str, Values]:
    """How a row is written as it is now. `rare`: columns that seldom change, and cost an index or a look elsewhere."""
    names = (*_CHANGING, *rare)
    sets = ", ".join(f"{name} = ?" for name in names)
    return f"UPDATE inbox SET {sets} WHERE seq = ?", (*(getattr(row, name) for name in names), row.seq)


def _following(row: Row, after: Row, evidence: str | None) -> tuple[str, Values]:
    """How the activation of `row` goes where its row went; it is over with the last of them."""
    if after.state in IN_FLIGHT:
        return FOLLOW, (after.state, after.attempt, evidence, row.activation)
    given = {"id": row.activation, "state": after.state, "now": after.updated_ms}
    return CLOSE, {**given, "outcome": after.outcome or after.reason, "evidence": evidence}


def check(row: Row, to: State) -> None:
    """IllegalStep when the row may not go to this state."""
    if not allowed(row.state, to):
        raise IllegalStep(f"Message {row.message} is {row.state}: it cannot become {to}.")


def _event_name(before: State, after: State) -> str:
    """The proof makes a row `delivered`; a turn that goes on after a question is merely `running` again."""
    if after is State.RUNNING:
        return "running" if before is State.NEEDS_INPUT else "delivered"
    return after.value
