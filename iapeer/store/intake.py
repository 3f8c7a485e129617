"""Taking messages in: what is accepted is on disk before its sender is told anything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from iapeer.model.errors import Refused
from iapeer.model.names import unknown
from iapeer.model.states import State
from iapeer.store.queries import Queries
from iapeer.store.rows import NewMessage, Row, write_body


class Intake(Queries):
    """Acceptance, once per idempotency key."""

    def accept(self, new: NewMessage) -> Row:
        """Message, row and `accepted` event in one transaction: durable when this returns.

        With a key that its sender used before: the row of then if the content is the same (nothing is written), else
        Refused. Refused too when the addressee is no peer.
        """
        with self._write():
            return self._accept(new)

    def accept_many(self, news: Sequence[NewMessage]) -> list[Row]:
        """A burst in one transaction, in order: all of it or none."""
        with self._write():
            return [self._accept(new) for new in news]

    def _accept(self, new: NewMessage) -> Row:
        stored = self._replayed(new)
        if stored is not None:
            return stored
        if self._one("SELECT 1 FROM peers WHERE personality = ?", (new.to,)) is None:
            raise unknown("peer", new.to, [name for (name,) in self._all("SELECT personality FROM peers")])
        now = self._now()
        self._run(
            "INSERT INTO messages (id, sender, sender_runtime, sender_intelligence, addressee, kind, topic, re, body, "
            "attachments, key, fingerprint, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                new.id, new.sender, new.sender_runtime, new.sender_intelligence, new.to, new.kind, new.topic, new.re,
                write_body(new.body), json.dumps(new.attachments), new.key, new.fingerprint(), now,
            ),
        )  # fmt: skip
        state = State.QUEUED if new.held is None else State.HELD
        self._run(
            "INSERT INTO inbox (message, identity, personality, state, reason, not_before_ms, expires_ms, priority, "
            "created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                new.id,
                new.identity,
                new.to,
                state,
                new.held,
                new.not_before_ms,
                new.expires_ms,
                int(new.urgent),
                now,
                now,
            ),
        )
        row = self._known_row(new.id)
        told = {"from": None, "to": state, "reason": new.held, "sender": row.sender, "kind": row.kind}
        self._tell_of(row, "accepted", told)
        return row

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
