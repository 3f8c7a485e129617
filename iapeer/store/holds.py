"""Which causes hold which rows: each row carries the set of its causes, and is held as long as there is one.

Changes of many rows are made in parts, so that no backlog stops the daemon: whoever asks for a part asks again.
"""

from __future__ import annotations

from collections.abc import Iterable

from iapeer.model.holds import RULE_OF, HoldCause, shown, yields
from iapeer.model.names import split_identity
from iapeer.model.states import State
from iapeer.store.database import Database
from iapeer.store.inbox import Inbox
from iapeer.store.queries import ALL, HELD_OF, QUEUED_OF, SELECT_ROW, SHOWN_OF
from iapeer.store.repository import Repository
from iapeer.store.rows import Row, read_row

ANY_HELD = "SELECT EXISTS (SELECT 1 FROM holds WHERE identity = ? AND cause = ?)"
CAUSES_OF = "SELECT cause FROM holds WHERE row = ?"
SET = "INSERT INTO holds (row, cause, identity, until_ms, set_ms) VALUES (?, ?, ?, ?, ?)"
UNSET = "DELETE FROM holds WHERE row = ? AND cause = ?"
DUE_HOLDS = "SELECT row, cause FROM holds INDEXED BY holds_until WHERE until_ms <= ? ORDER BY until_ms, row LIMIT ?"
_AHEAD = "until_ms IS NOT NULL AND set_ms > :now AND until_ms - set_ms <= :within"
AHEAD = f"SELECT row FROM holds INDEXED BY holds_until WHERE {_AHEAD}"
SET_BACK_ROW = (
    "UPDATE inbox SET not_before_ms = not_before_ms - created_ms + :now, created_ms = :now "
    "WHERE seq = :row AND created_ms > :now"
)
SET_BACK = f"UPDATE holds SET until_ms = until_ms - set_ms + :now, set_ms = :now WHERE row = :row AND {_AHEAD}"


class Holds(Repository):
    """The causes of held rows. A row's `reason` is the first of them by precedence."""

    def __init__(self, database: Database, inbox: Inbox) -> None:
        super().__init__(database)
        self._inbox = inbox

    def any_held(self, identity: str, cause: HoldCause) -> bool:
        """Whether this cause holds a row of the identity. One read."""
        return bool(self._db.all(ANY_HELD, (identity, cause))[0][0])

    def causes_of(self, row: Row) -> frozenset[HoldCause]:
        """What holds the row. One read."""
        return frozenset(HoldCause(cause) for (cause,) in self._db.all(CAUSES_OF, (row.seq,)))

    def hold(self, personality: str, cause: HoldCause, identity: str | None = None, most: int = ALL) -> int:
        """Set the cause on the queued rows of the peer, or of one identity of it; on held ones too if it covers those.

        In one transaction, with a `held` event for each row whose shown cause is another by it; how many rows.
        `most`: only so many of each identity, the last in line first.
        """
        with self._db.write():
            rows = [row for who in self._those(personality, identity) for row in self._free_of(who, cause, most)]
            for row in sorted(rows, key=lambda row: row.seq):
                self._set(row, cause)
            return len(rows)

    def release(self, personality: str, cause: HoldCause, identity: str | None = None, most: int = ALL) -> int:
        """Take the cause from the rows that it holds, those of the peer or of one identity of it.

        In one transaction, the oldest first: a row without another cause is queued again in its place, with a `queued`
        event; a `held` event tells the cause that is shown now. How many rows; `most`: only so many of each identity.
        """
        with self._db.write():
            rows = [row for who in self._those(personality, identity) for row in self._held_by(who, cause, most)]
            for row in sorted(rows, key=lambda row: row.seq):
                self._unset(row, cause)
            return len(rows)

    def release_row(self, message: str, cause: HoldCause) -> Row:
        """Take the cause from one row, in one transaction, as `release` does; the row as it is then."""
        with self._db.write():
            row = self._inbox.known_row(message)
            return self._unset(row, cause) if cause in self.causes_of(row) else row

    def release_due(self, now: int, most: int = ALL) -> list[Row]:
        """Take each cause whose time has come at `now` (ms) from its row, as `release` does; the rows as they are then.

        `most`: only so many, those that came due first.
        """
        with self._db.write():
            due = [(self._row(seq), HoldCause(cause)) for seq, cause in self._db.all(DUE_HOLDS, (now, most))]
            return [self._unset(row, cause) for row, cause in due]

    def set_back(self, now: int, within: int) -> None:
        """Let rows that are held until a time, by a clock that was set back since, wait no longer than was meant.

        Those that were to wait at most `within` ms; in one transaction, without an event. One read where there is none.
        """
        if not self._db.all(AHEAD, {"now": now, "within": within}):
            return
        with self._db.write():
            for (seq,) in self._db.all(AHEAD, {"now": now, "within": within}):
                given = {"row": seq, "now": now, "within": within}
                self._db.run(SET_BACK_ROW, given)
                self._db.run(SET_BACK, given)

    def begin(self, row: Row, causes: Iterable[HoldCause]) -> None:
        """Write what holds a row that is being stored as held, in the transaction that stores it."""
        for cause in causes:
            self._write(row, cause)

    def _those(self, personality: str, identity: str | None) -> list[str]:
        """The peer's identities that have rows waiting, or the one of them that is meant."""
        waiting = self._inbox.waiting_identities() if identity is None else [identity]
        return [who for who in waiting if split_identity(who)[1] == personality]

    def _free_of(self, identity: str, cause: HoldCause, most: int) -> list[Row]:
        """Rows that the cause is to be set on: free ones, the last in line first; then held ones that it covers.

        A row that shows a cause which yields to this one cannot carry this one.
        """
        rows = [read_row(values) for values in self._db.all(QUEUED_OF, (identity, most))]
        covered = [rule for rule in RULE_OF if RULE_OF[cause].covers and yields(rule, cause)]
        for other in covered:
            left = most - len(rows) if most != ALL else ALL
            rows += [read_row(values) for values in self._db.all(SHOWN_OF, (identity, other, left))] if left else []
        return rows

    def _held_by(self, identity: str, cause: HoldCause, most: int) -> Iterable[Row]:
        return (read_row(values) for values in self._db.all(HELD_OF, (identity, cause, most)))

    def _row(self, seq: int) -> Row:
        return read_row(self._db.all(f"{SELECT_ROW} WHERE i.seq = ?", (seq,))[0])

    def _set(self, row: Row, cause: HoldCause) -> Row:
        """Set the cause, which the row does not carry and which nothing that it carries is shown before."""
        self._write(row, cause)
        if row.state is State.HELD:
            return self._inbox.show_cause(row, cause)
        return self._inbox.step(row, State.HELD, reason=cause)

    def _write(self, row: Row, cause: HoldCause) -> None:
        until = row.not_before_ms if RULE_OF[cause].timed else None
        self._db.run(SET, (row.seq, cause, row.identity, until, self._db.now()))

    def _unset(self, row: Row, cause: HoldCause) -> Row:
        self._db.run(UNSET, (row.seq, cause))
        if row.state is not State.HELD:
            return row
        left = shown(self.causes_of(row))
        if left is None:
            return self._inbox.step(row, State.QUEUED)
        return row if left == row.reason else self._inbox.show_cause(row, left)
