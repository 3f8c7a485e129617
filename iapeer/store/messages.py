"""Messages: what is accepted is on disk before its sender is told anything; answers are messages that name another."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from iapeer.model.errors import Refused
from iapeer.model.holds import HoldCause, shown
from iapeer.model.names import OPERATOR, unknown
from iapeer.model.states import State
from iapeer.store.database import Database
from iapeer.store.holds import Holds
from iapeer.store.inbox import Inbox
from iapeer.store.queries import ALL, BETWEEN, INFORMATIONAL, REPLIES, SENT_BY_NAMESAKE, SYSTEM, UNTOLD
from iapeer.store.repository import Repository
from iapeer.store.rows import NewMessage, Row, read_row, write_body


class Messages(Repository):
    """What peers send each other: accepted once per idempotency key, and who answered what."""

    def __init__(self, database: Database, inbox: Inbox, holds: Holds) -> None:
        super().__init__(database)
        self._inbox = inbox
        self._holds = holds

    def accept(self, new: NewMessage) -> Row:
        """Message, row and `accepted` event in one transaction: durable when this returns.

        With a key that its sender used before: the row of then if the content is the same (nothing is written), else
        Refused. Refused too when the addressee is no peer.
        """
        return self.accept_many([new])[0]

    def by_key_and_content(self, new: NewMessage) -> Row | None:
        """The row that a key of this sender stands for already, or None. Refused as in `accept`. One read."""
        return self._replayed(new)

    def by_key(self, sender: str, key: str) -> Row | None:
        """The row that a key of this sender stands for, whatever its content, or None. One read."""
        line = self._db.one("SELECT id FROM messages WHERE sender = ? AND key = ?", (sender, key))
        return self._inbox.row(line[0]) if line else None

    def accept_many(self, news: Sequence[NewMessage]) -> list[Row]:
        """A burst in one transaction, in order: all of it or none."""
        with self._db.write():
            came: Counter[tuple[str, State]] = Counter()
            rows = [self._accept(new, came) for new in news]
            for (identity, state), amount in came.items():
                self._inbox.count(identity, state, amount)
            return rows

    def untold(self, teller: str, after: int = 0, most: int = ALL) -> list[Row]:
        """The rows of peers' messages that ended badly or without the answer asked for, untold so far. One read.

        The first `most` of them whose seq is above `after`.
        """
        given = {"teller": teller, "unasked": INFORMATIONAL, "after": after, "most": most}
        return [read_row(values) for values in self._db.all(UNTOLD, given)]

    def is_of_namesake(self, row: Row) -> bool:
        """Whether the peer that sent `row` was removed since: one of its name is another. One read."""
        return bool(self._db.all(SENT_BY_NAMESAKE, (row.sender, row.seq))[0][0])

    def replies(self, message_id: str) -> list[Row]:
        """What was sent with `re` = this message, iapeer's own notices left out, oldest first. One read."""
        return [read_row(values) for values in self._db.all(REPLIES, (message_id, SYSTEM))]

    def reply_to(self, asked: Row) -> Row | None:
        """The first answer of its addressee to its sender, or None. One read."""
        return next((row for row in self.replies(asked.message) if answers(row, asked)), None)

    def between(self, first: str, other: str, topic: str | None, since: int, cause: HoldCause) -> list[tuple[str, int]]:
        """(sender, when it may be typed, ms) of what two peers sent each other on a topic after `since`, by time.

        Of what is to be typed only later, that which is held for `cause`: what is scheduled comes when it comes. What
        was only stored to be read is left out, and what was said by a clock that was set back since. Two reads.
        """
        given = {"topic": topic, "since": since, "now": self._db.now(), "unsaid": INFORMATIONAL, "cause": cause}
        pairs = ((first, other), (other, first))
        lines = [said for a, b in pairs for said in self._db.all(BETWEEN, {**given, "one": a, "other": b})]
        return [(str(sender), int(when)) for sender, when, _ in sorted(lines, key=lambda said: said[1:])]

    def _accept(self, new: NewMessage, came: Counter[tuple[str, State]]) -> Row:
        stored = self._replayed(new)
        if stored is not None:
            return stored
        if new.to != OPERATOR and self._db.one("SELECT 1 FROM peers WHERE personality = ?", (new.to,)) is None:
            raise unknown("peer", new.to, [name for (name,) in self._db.all("SELECT personality FROM peers")])
        now = self._db.now()
        fingerprint = new.fingerprint() if new.key is not None else ""  # only a key is ever compared by it
        self._db.run(
            "INSERT INTO messages (id, sender, sender_runtime, sender_intelligence, addressee, kind, topic, re, body, "
            "attachments, key, asks, fingerprint, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                new.id, new.sender, new.sender_runtime, new.sender_intelligence, new.to, new.kind, new.topic, new.re,
                write_body(new.body), json.dumps(new.attachments), new.key, new.asks, fingerprint, now,
            ),
        )  # fmt: skip
        state = State.DONE if new.settled else State.HELD if new.held else State.QUEUED
        written = self._db.run(
            "INSERT INTO inbox (message, identity, personality, state, reason, not_before_ms, expires_ms, priority, "
            "outcome, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                new.id, new.identity, new.to, state, shown(new.held), new.not_before_ms, new.expires_ms, new.priority,
                new.settled, now, now,
            ),
        )  # fmt: skip
        came[new.identity, state] += 1
        row = new.row(int(written.lastrowid or 0), state, now)
        self._holds.begin(row, new.held)
        why = new.settled or row.reason
        data = {"from": None, "to": state, "reason": why, "sender": row.sender, "kind": row.kind, "re": row.re}
        self._inbox.tell_of(row, "accepted", data)
        self._tell_answered(row)
        return row

    def _tell_answered(self, row: Row) -> None:
        """The question's own story ends with its answer."""
        asked = self._inbox.row(row.re) if row.kind == "result" and row.re else None
        if asked is not None and answers(row, asked):
            self._inbox.tell_of(asked, "answered", {"reply": row.message})

    def _replayed(self, new: NewMessage) -> Row | None:
        if new.key is None:
            return None
        line = self._db.one("SELECT id, fingerprint FROM messages WHERE sender = ? AND key = ?", (new.sender, new.key))
        if line is None:
            return None
        if line[1] != new.fingerprint():
            raise Refused(
                f"The key '{new.key}' was used for message {line[0]} with other content: use a new key.",
                code="key-conflict",
            )
        return self._inbox.known_row(line[0])


def answers(row: Row, asked: Row) -> bool:
    """Whether `row` is its addressee's answer to the sender of `asked`."""
    return row.kind == "result" and (row.sender, row.to) == (asked.to, asked.sender)
