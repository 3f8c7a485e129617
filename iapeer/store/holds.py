"""Holding rows back for a cause, and letting them go: in parts, so that no backlog stops the daemon."""

from __future__ import annotations

from typing import Any

from iapeer.model.names import split_identity
from iapeer.model.states import State
from iapeer.store.database import Database
from iapeer.store.inbox import Inbox
from iapeer.store.queries import AHEAD, ALL, HELD_FOR, HELD_OF, QUEUED_OF, RELEASED, SET_BACK
from iapeer.store.repository import Repository
from iapeer.store.rows import Row, read_row


class Holds(Repository):
    """Rows that are held, by cause."""

    def __init__(self, database: Database, inbox: Inbox) -> None:
        super().__init__(database)
        self._inbox = inbox

    def any_held(self, identity: str, cause: str) -> bool:
        """Whether a row of the identity is held with this cause. One read."""
        return bool(self._db.all(HELD_FOR, (identity, cause))[0][0])

    def hold(self, personality: str, cause: str, identity: str | None = None, most: int = ALL) -> int:
        """Every queued row of the peer, or of one identity of it, becomes held with this cause.

        In one transaction, with a `held` event each; how many there were. `most`: only so many of each identity, the
        last in line first; whoever asks so asks again until there are none.
        """
        with self._db.write():
            rows = [self._db.all(QUEUED_OF, (who, most)) for who in self._those(personality, identity)]
            return self._shift(rows, State.HELD, cause)

    def release(self, personality: str, cause: str, identity: str | None = None, most: int = ALL) -> int:
        """Every row held with this cause is queued again in its place: as `hold`, `queued` events, oldest first."""
        with self._db.write():
            rows = [self._db.all(HELD_OF, (who, cause, most)) for who in self._those(personality, identity)]
            return self._shift(rows, State.QUEUED, None)

    def set_back(self, now: int, cause: str, within: int) -> None:
        """Rows held with this cause, by a clock that was set back since, wait no longer than was meant; no event.

        Those that were to wait at most `within` ms; in one transaction. One read where there is none.
        """
        if self._db.all(AHEAD, (now, cause, within)):
            with self._db.write():
                self._db.run(SET_BACK, {"now": now, "cause": cause, "within": within})

    def release_due(self, now: int, cause: str, most: int = ALL) -> list[Row]:
        """Every row held with this cause until `now` (ms) or before, in one transaction; a `queued` event each.

        `most`: only so many, those that came due first.
        """
        with self._db.write():
            rows = [read_row(values) for values in self._db.all(RELEASED, (now, cause, most))]
            return [self._inbox.step(row, State.QUEUED) for row in rows]

    def _those(self, personality: str, identity: str | None) -> list[str]:
        """The peer's identities that have rows waiting, or the one of them that is meant."""
        waiting = self._inbox.waiting_identities() if identity is None else [identity]
        return [who for who in waiting if split_identity(who)[1] == personality]

    def _shift(self, lines: list[list[tuple[Any, ...]]], after: State, reason: str | None) -> int:
        rows = sorted((read_row(values) for some in lines for values in some), key=lambda row: row.seq)
        for row in rows:
            self._inbox.step(row, after, reason=reason)
        return len(rows)
