"""Reading the inbox. Every hot question is answered from a partial index."""

from __future__ import annotations

from iapeer.model.errors import Refused
from iapeer.store.database import Database
from iapeer.store.rows import ROW_COLUMNS, Row, read_row

# Conditions as the partial indexes have them: SQLite uses such an index only for the very same expression.
UNFINISHED = "state NOT IN ('done', 'failed', 'dead', 'cancelled', 'dropped', 'expired')"
IN_FLIGHT = "state IN ('leased', 'stranded', 'unknown', 'running', 'needs_input')"
WAITING = "state IN ('queued', 'held')"

_JOINED = "JOIN messages m ON m.id = i.message"
_SELECT = f"SELECT {ROW_COLUMNS} FROM inbox i {_JOINED}"
NEXT_WAITING = (
    f"SELECT {ROW_COLUMNS} FROM inbox i INDEXED BY inbox_queued {_JOINED} WHERE i.identity = ? AND i.state = 'queued' "
    "AND (i.not_before_ms IS NULL OR i.not_before_ms <= ?) AND (i.expires_ms IS NULL OR i.expires_ms > ?) "
    "ORDER BY i.priority DESC, i.seq LIMIT 1"
)
IN_FLIGHT_OF = f"{_SELECT} WHERE i.identity = ? AND i.{IN_FLIGHT}"
ALL_IN_FLIGHT = f"SELECT {ROW_COLUMNS} FROM inbox i INDEXED BY inbox_in_flight {_JOINED} WHERE i.{IN_FLIGHT}"
UNFINISHED_OF = f"{_SELECT} WHERE i.personality = ? AND i.{UNFINISHED}"
EXPIRED = (
    f"SELECT {ROW_COLUMNS} FROM inbox i INDEXED BY inbox_expiry {_JOINED} "
    f"WHERE i.{WAITING} AND i.expires_ms <= ? ORDER BY i.seq"
)
UNTOLD = (
    f"SELECT {ROW_COLUMNS} FROM inbox i {_JOINED} "
    "WHERE (i.state IN ('failed', 'dead', 'cancelled', 'dropped', 'expired') "
    "AND m.id NOT IN (SELECT re FROM messages WHERE sender = :teller AND re IS NOT NULL) "
    "OR i.state = 'done' AND m.asks = 1 AND m.id NOT IN (SELECT re FROM messages WHERE re IS NOT NULL)) "
    "AND m.sender NOT IN ('operator', :teller) AND m.sender IN (SELECT personality FROM peers) ORDER BY i.seq"
)
DEPTH = (
    "SELECT (SELECT count(*) FROM inbox WHERE identity = :identity AND state = 'queued')"
    " + (SELECT count(*) FROM inbox WHERE identity = :identity AND state = 'held')"
)
IDENTITIES = "SELECT identity FROM inbox WHERE state = 'queued' UNION SELECT identity FROM inbox WHERE state = 'held'"
TYPED_BEFORE = (
    "SELECT EXISTS (SELECT 1 FROM inbox WHERE personality = (SELECT personality FROM sessions WHERE id = ?) "
    "AND session = ? AND message != ?)"
)
DEADLINE = (
    "SELECT min(t) FROM (SELECT min(not_before_ms) AS t FROM inbox WHERE state = 'queued' AND not_before_ms > :now "
    "UNION ALL SELECT min(not_before_ms) FROM inbox WHERE state = 'held' AND not_before_ms > :now "
    f"UNION ALL SELECT min(expires_ms) FROM inbox WHERE {WAITING} AND expires_ms > :now)"
)
RECENT = (
    f"{_SELECT} WHERE i.seq IN ("
    "SELECT seq FROM (SELECT seq FROM inbox WHERE personality = ? ORDER BY seq DESC LIMIT ?) "
    f"UNION SELECT seq FROM inbox WHERE personality = ? AND {UNFINISHED}) ORDER BY i.seq"
)
RELEASED = (
    f"SELECT {ROW_COLUMNS} FROM inbox i INDEXED BY inbox_release {_JOINED} "
    "WHERE i.state = 'held' AND i.not_before_ms <= ? AND i.reason = ? ORDER BY i.seq"
)
REPLIES = f"{_SELECT} WHERE m.re = ? AND m.sender != ? ORDER BY i.seq"
BETWEEN = (
    "SELECT m.sender, max(m.created_ms, coalesce(i.not_before_ms, 0)) FROM messages m "
    "JOIN inbox i ON i.message = m.id WHERE m.sender = ? AND m.addressee = ? AND m.created_ms > ? "
    "AND m.topic IS ? AND i.outcome IS NOT ?"
)
SYSTEM = "iapeer"
OPERATOR = "operator"
INFORMATIONAL = "informational"


class Queries(Database):
    """Questions about rows; each is one SELECT, one consistent state."""

    def untold(self, teller: str) -> list[Row]:
        """The rows of peers' messages that ended badly or without the answer asked for, untold so far. One read."""
        return [read_row(values) for values in self._all(UNTOLD, {"teller": teller})]

    def row(self, message_id: str) -> Row | None:
        """The row of a message, also of a peer that was removed; or None. One read."""
        found = self._one(f"{_SELECT} WHERE i.message = ?", (message_id,))
        return read_row(found) if found else None

    def next_waiting(self, identity: str) -> Row | None:
        """The queued row to take next, or None: due and not expired, urgent ones first, then in order. One read."""
        now = self._now()
        found = self._one(NEXT_WAITING, (identity, now, now))
        return read_row(found) if found else None

    def in_flight(self, identity: str) -> Row | None:
        """The one row that is leased, stranded, unknown, running or needs input, or None. One read."""
        found = self._one(IN_FLIGHT_OF, (identity,))
        return read_row(found) if found else None

    def inbox(self, personality: str, limit: int = 100) -> list[Row]:
        """The newest `limit` rows and every row that is not final, newest last. One read."""
        return [read_row(values) for values in self._all(RECENT, (personality, limit, personality))]

    def typed_before(self, session: str, message_id: str) -> bool:
        """Whether another message than this one was typed in the session. One read.

        Whoever was leased there and not put back: a daemon may have died between the paste and its `typed_ms`.
        """
        return bool(self._all(TYPED_BEFORE, (session, session, message_id))[0][0])

    def depth(self, identity: str) -> int:
        """How many rows are queued or held. One read."""
        found = self._all(DEPTH, {"identity": identity})
        return int(found[0][0])

    def waiting_identities(self) -> list[str]:
        """The identities with a queued or held row, due or not, by name. One read."""
        return sorted(str(identity) for (identity,) in self._all(IDENTITIES))

    def in_flight_rows(self) -> list[Row]:
        """The in-flight row of every identity that has one: what a daemon that comes back must settle. One read."""
        return sorted((read_row(values) for values in self._all(ALL_IN_FLIGHT)), key=lambda row: row.seq)

    def next_deadline(self) -> int | None:
        """When, after now, a waiting row next becomes due or expires (ms since 1970); None if never. One read."""
        found = self._all(DEADLINE, {"now": self._now()})[0][0]
        return None if found is None else int(found)

    def replies(self, message_id: str) -> list[Row]:
        """What was sent with `re` = this message, iapeer's own notices left out, oldest first. One read."""
        return [read_row(values) for values in self._all(REPLIES, (message_id, SYSTEM))]

    def reply_to(self, asked: Row) -> Row | None:
        """The first answer of its addressee to its sender, or None. One read."""
        return next((row for row in self.replies(asked.message) if answers(row, asked)), None)

    def between(self, one: str, other: str, topic: str | None, since: int) -> list[tuple[str, int]]:
        """(sender, when it may be typed, ms) of what two peers sent each other on a topic after `since`, by time.

        What was only stored to be read is left out. Two reads.
        """
        pairs = ((one, other), (other, one))
        found = [found for pair in pairs for found in self._all(BETWEEN, (*pair, since, topic, INFORMATIONAL))]
        return sorted(((str(sender), int(when)) for sender, when in found), key=lambda sent: sent[1])

    def counts(self) -> dict[str, int]:
        """How many rows are in each state that has any, those of removed peers included. One read."""
        return dict(self._all("SELECT state, count(*) FROM inbox GROUP BY state ORDER BY state"))

    def _known_row(self, message_id: str) -> Row:
        row = self.row(message_id)
        if row is None:
            raise Refused(f"There is no message '{message_id}': `iapeer events` lists them.", code="unknown-message")
        return row

    def _unfinished(self, personality: str) -> list[Row]:
        rows = [read_row(values) for values in self._all(UNFINISHED_OF, (personality,))]
        return sorted(rows, key=lambda row: row.seq)


def answers(row: Row, asked: Row) -> bool:
    """Whether `row` is its addressee's answer to the sender of `asked`."""
    return row.kind == "result" and (row.sender, row.to) == (asked.to, asked.sender)
