"""Taking messages in: what is accepted is on disk before its sender is told anything."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from iapeer.model.errors import Refused
from iapeer.model.names import OPERATOR, unknown
from iapeer.model.states import State
from iapeer.store.queries import COUNT, Queries, answers
from iapeer.store.rows import NewMessage, Row, write_body


class Intake(Queries):
    """Acceptance, once per idempotency key."""

    def accept(self, new: NewMessage) -> Row:
        """Message, row and `accepted` event in one transaction: durable when this returns.

        With a key that its sender used before: the row of then if the content is the same (nothing is written), else
        Refused. Refused too when the addressee is no peer.
        """
        return self.accept_many([new])[0]

    def replayed(self, new: NewMessage) -> Row | None:
        """The row that a key of this sender stands for already, or None. Refused as in `accept`. One read."""
        return self._replayed(new)

    def keyed(self, sender: str, key: str) -> Row | None:
        """The row that a key of this sender stands for, whatever its content, or None. One read."""
        found = self._one("SELECT id FROM messages WHERE sender = ? AND key = ?", (sender, key))
        return self.row(found[0]) if found else None

    def accept_many(self, news: Sequence[NewMessage]) -> list[Row]:
        """A burst in one transaction, in order: all of it or none."""
        with self._write():
            came: Counter[tuple[str, State]] = Counter()
            rows = [self._accept(new, came) for new in news]
            for (identity, state), amount in came.items():
                self._count(identity, state, amount)
            return rows

    def _count(self, identity: str, state: State, more: int) -> None:
        """Whoever writes states of rows says so here, in the same transaction."""
        self._run(COUNT, (identity, state, more))

    def _accept(self, new: NewMessage, came: Counter[tuple[str, State]]) -> Row:
        stored = self._replayed(new)
        if stored is not None:
            return stored
        if new.to != OPERATOR and self._one("SELECT 1 FROM peers WHERE personality = ?", (new.to,)) is None:
            raise unknown("peer", new.to, [name for (name,) in self._all("SELECT personality FROM peers")])
        now = self._now()
        fingerprint = new.fingerprint() if new.key is not None else ""  # only a key is ever compared by it
        self._run(
            "INSERT INTO messages (id, sender, sender_runtime, sender_intelligence, addressee, kind, topic, re, body, "
            "attachments, key, asks, fingerprint, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                new.id, new.sender, new.sender_runtime, new.sender_intelligence, new.to, new.kind, new.topic, new.re,
                write_body(new.body), json.dumps(new.attachments), new.key, new.asks, fingerprint, now,
            ),
        )  # fmt: skip
        state = State.DONE if new.settled else State.HELD if new.held else State.QUEUED
        written = self._run(
            "INSERT INTO inbox (message, identity, personality, state, reason, not_before_ms, expires_ms, priority, "
            "outcome, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                new.id, new.identity, new.to, state, new.held, new.not_before_ms, new.expires_ms, new.priority,
                new.settled, now, now,
            ),
        )  # fmt: skip
        came[new.identity, state] += 1
        row = new.row(int(written.lastrowid or 0), state, now)
        why = new.settled or new.held
        told = {"from": None, "to": state, "reason": why, "sender": row.sender, "kind": row.kind, "re": row.re}
        self._tell_of(row, "accepted", told)
        self._tell_answered(row)
        return row

    def _tell_answered(self, row: Row) -> None:
        """The question's own story ends with its answer."""
        asked = self.row(row.re) if row.kind == "result" and row.re else None
        if asked is not None and answers(row, asked):
            self._tell_of(asked, "answered", {"reply": row.message})

    def _replayed(self, new: NewMessage) -> Row | None:
        if new.key is None:
            return None
        found = self._one("SELECT id, fingerprint FROM messages WHERE sender = ? AND key = ?", (new.sender, new.key))
        if found is None:
            return None
        if found[1] != new.fingerprint():
            raise Refused(
                f"The key '{new.key}' was used for message {found[0]} with other content: use a new key.",
                code="key-conflict",
            )
        return self._known_row(found[0])

    def _tell_of(self, row: Row, ev: str, data: Mapping[str, object], session: str | None = None) -> None:
        self._emit(
            ev,
            personality=row.to,
            identity=row.identity,
            message=row.message,
            session=session or row.session,
            data=data,
        )
