"""Activations: what a session took, from the lease to the outcome. A message's attempts are its activations."""

from __future__ import annotations

from typing import Any

from iapeer.model.states import State
from iapeer.store.database import Database
from iapeer.store.errors import IllegalStep, StaleLease
from iapeer.store.inbox import Inbox, check
from iapeer.store.queries import HISTORY, OPEN_ACTIVATION, ROWS_OF, TYPED_BEFORE
from iapeer.store.repository import Repository
from iapeer.store.rows import Activation, Row, read_activation, read_row


class Activations(Repository):
    """At most one open activation per identity; SQLite itself enforces it.

    A row is in flight exactly while an open activation holds it. All rows of one take each step together; whoever acts
    on it names it by a row that it holds, as read then: StaleLease once that row is not held by it any more.
    """

    def __init__(self, database: Database, inbox: Inbox) -> None:
        super().__init__(database)
        self._inbox = inbox

    def begin(self, message_id: str, session: str, baseline: str) -> Row:
        """Lease a queued row to a session, in one transaction, with a `leased` event.

        `baseline` is JSON text: where in the agent's record the proof will begin. IllegalStep when the row is not
        queued or its identity has another row in flight.
        """
        with self._db.write():
            row = self._inbox.known_row(message_id)
            check(row, State.LEASED)
            other = self.open_of(row.identity)
            if other is not None:
                raise IllegalStep(f"{row.identity} has message {other.key} in flight: settle that first.")
            id = self._open(row, session, baseline)
            return self._inbox.step(
                row, State.LEASED, activation=id, session=session, baseline=baseline, outcome=None, error=None
            )

    def mark_typed(self, row: Row, **data: int) -> None:
        """Stamp the time of typing, in one transaction, with a `typed` event. The first stamp stays.

        `data` is added to the event. Not synced by itself: what was typed is known to the session, and a power cut ends
        that too. StaleLease when the activation of `row` does not hold it any more.
        """
        with self._db.lazily(), self._db.write():
            rows = self._held(row).values()
            if any(each.typed_ms is not None for each in rows):
                return
            self._db.run("UPDATE activations SET typed_ms = ? WHERE id = ?", (self._db.now(), row.activation))
            for each in rows:
                self._inbox.tell_of(each, "typed", data)

    def doubt(self, row: Row, state: State, reason: str) -> Row:
        """Typed and not proven: its rows become stranded or unknown, in one transaction, with an event named after it.

        StaleLease and IllegalStep as in `end`.
        """
        return self._step(row, state, reason=reason)

    def prove(self, row: Row, evidence: str | None = None, attempt: int | None = None) -> Row:
        """The agent's record holds its text: its rows are running, in one transaction, with a `delivered` event.

        `evidence` is JSON text, a few values. `attempt`: it is the text of this earlier one. From `needs_input` the
        event is `running`. StaleLease and IllegalStep as in `end`.
        """
        return self._step(row, State.RUNNING, evidence=evidence, **({} if attempt is None else {"attempt": attempt}))

    def end(
        self,
        row: Row,
        to: State,
        *,
        reason: str | None = None,
        outcome: str | None = None,
        error: str | None = None,
        attempt: int | None = None,
        not_before_ms: int | None = None,
        evidence: str | None = None,
    ) -> Row:
        """It is over: its rows go to this state, in one transaction, with an event named after it; `row` as it is then.

        `reason` is theirs from now on; the others are left as they are where they are None. `not_before_ms` (since
        1970) is for rows that are queued again; `evidence` is JSON text, merged into what there is. StaleLease when the
        activation of `row` does not hold it any more; IllegalStep when its rows may not go there.
        """
        given = {"outcome": outcome, "error": error, "attempt": attempt, "not_before_ms": not_before_ms}
        changes = {name: value for name, value in given.items() if value is not None}
        return self._step(row, to, reason=reason, evidence=evidence, **changes)

    def open_of(self, identity: str) -> Activation | None:
        """The open activation of an identity, or None. One read."""
        values = self._db.one(OPEN_ACTIVATION, (identity,))
        return read_activation(values) if values else None

    def of(self, message_id: str) -> list[Activation]:
        """The attempts of a message, the first one first; those in which nothing was typed as well. One read."""
        return [read_activation(values) for values in self._db.all(HISTORY, (message_id,))]

    def typed_before(self, session: str, key: str) -> bool:
        """Whether another text than this one was typed into the session, and stayed there. One read.

        Whatever was leased there and did not go back into the queue: a daemon may have died between the paste and its
        `typed_ms`.
        """
        return bool(self._db.all(TYPED_BEFORE, (session, key))[0][0])

    def _open(self, row: Row, session: str, baseline: str) -> int:
        written = self._db.run(
            "INSERT INTO activations (identity, session, key, attempt, state, baseline, started_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (row.identity, session, row.message, row.attempt, State.LEASED, baseline, self._db.now()),
        )
        id = int(written.lastrowid or 0)
        self._db.run("INSERT INTO activation_rows (activation, row) VALUES (?, ?)", (id, row.seq))
        return id

    def _held(self, row: Row) -> dict[int, Row]:
        """The rows that the activation of `row` holds, by place in the inbox."""
        held = {each.seq: each for each in map(read_row, self._db.all(ROWS_OF, (row.activation,)))}
        if row.seq not in held:
            raise StaleLease(f"Session {row.session} no longer holds message {row.message}: nothing was changed.")
        return held

    def _step(self, row: Row, to: State, **changes: Any) -> Row:
        """All its rows take this step, in one transaction; `row` as it is then."""
        with self._db.write():
            held = self._held(row)
            for each in held.values():
                check(each, to)
            return {seq: self._inbox.step(each, to, **changes) for seq, each in held.items()}[row.seq]
