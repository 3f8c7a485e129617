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
UNFINISHED_OF = (
    f"SELECT {ROW_COLUMNS} FROM inbox i INDEXED BY inbox_live {_JOINED} "
    f"WHERE i.personality = ? AND i.{UNFINISHED} ORDER BY i.seq LIMIT ?"
)
EXPIRED = (
    f"SELECT {ROW_COLUMNS} FROM inbox i INDEXED BY inbox_expiry {_JOINED} "
    f"WHERE i.{WAITING} AND i.expires_ms <= ? ORDER BY i.expires_ms, i.seq LIMIT ?"
)
# The setting that holds the last place in the inbox before a peer of this name was removed.
REMOVED_AT = "'removed:' || ?"
SENT_BY_NAMESAKE = f"SELECT EXISTS (SELECT 1 FROM settings WHERE key = {REMOVED_AT} AND CAST(value AS INTEGER) >= ?)"
# A peer hears only of what it sent itself, not of what a namesake did that was removed; the operator is no peer.
UNTOLD = (
    f"SELECT {ROW_COLUMNS} FROM inbox i {_JOINED} "
    "JOIN peers p ON p.personality = m.sender LEFT JOIN settings g ON g.key = 'removed:' || m.sender "
    "WHERE i.seq > :after AND i.seq > coalesce(CAST(g.value AS INTEGER), 0) "
    "AND (i.state IN ('failed', 'dead', 'cancelled', 'dropped', 'expired') "
    "OR i.state = 'done' AND m.asks = 1 AND i.outcome IS NOT :unasked "
    "AND NOT EXISTS (SELECT 1 FROM messages r INDEXED BY messages_re "
    "WHERE r.re = m.id AND r.kind = 'result' AND r.sender = m.addressee AND r.addressee = m.sender)) "
    "AND NOT EXISTS (SELECT 1 FROM messages n INDEXED BY messages_re WHERE n.re = m.id AND n.sender = :teller) "
    "ORDER BY i.seq LIMIT :most"
)
DEPTH = (
    f"SELECT (SELECT coalesce(sum(amount), 0) FROM tally WHERE identity = :identity AND {WAITING})"
    " - (SELECT count(*) FROM inbox INDEXED BY inbox_scheduled "
    "WHERE identity = :identity AND state = 'queued' AND not_before_ms > :now)"
)
COUNT = "INSERT INTO tally VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount"
IDENTITIES = f"SELECT DISTINCT identity FROM tally WHERE {WAITING} AND amount > 0"
OPEN_ROWS = (
    f"SELECT coalesce(sum(amount), 0) FROM tally WHERE substr(identity, instr(identity, '-') + 1) = ? AND {UNFINISHED}"
)
DUE = (
    "SELECT DISTINCT identity FROM inbox INDEXED BY inbox_due "
    "WHERE state = 'queued' AND not_before_ms > ? AND not_before_ms <= ?"
)
# The last in line first: what is held in parts is taken from behind, so that its order is kept meanwhile.
QUEUED_OF = (
    f"SELECT {ROW_COLUMNS} FROM inbox i INDEXED BY inbox_queued {_JOINED} "
    "WHERE i.identity = ? AND i.state = 'queued' ORDER BY i.priority, i.seq DESC LIMIT ?"
)
HELD_OF = (
    f"SELECT {ROW_COLUMNS} FROM inbox i INDEXED BY inbox_held {_JOINED} "
    "WHERE i.identity = ? AND i.state = 'held' AND i.reason = ? ORDER BY i.seq LIMIT ?"
)
DISOWN = (
    "UPDATE inbox SET personality = NULL WHERE seq IN "
    "(SELECT seq FROM inbox INDEXED BY inbox_personality WHERE personality = ? LIMIT ?)"
)
HELD_FOR = "SELECT EXISTS (SELECT 1 FROM inbox WHERE identity = ? AND state = 'held' AND reason = ?)"
TYPED_BEFORE = "SELECT EXISTS (SELECT 1 FROM inbox WHERE session = ? AND message != ?)"
DEADLINE = (
    "SELECT min(t) FROM (SELECT min(not_before_ms) AS t FROM inbox INDEXED BY inbox_due "
    "WHERE state = 'queued' AND not_before_ms > :now "
    "UNION ALL SELECT min(not_before_ms) FROM inbox INDEXED BY inbox_release "
    "WHERE state = 'held' AND not_before_ms > :now "
    f"UNION ALL SELECT min(expires_ms) FROM inbox WHERE {WAITING} AND expires_ms > :now)"
)
RECENT = (
    f"{_SELECT} WHERE i.seq IN ("
    "SELECT seq FROM (SELECT seq FROM inbox WHERE personality = ? ORDER BY seq DESC LIMIT ?) "
    f"UNION SELECT seq FROM (SELECT seq FROM inbox INDEXED BY inbox_live WHERE personality = ? AND {UNFINISHED} "
    "ORDER BY seq LIMIT ?)) ORDER BY i.seq"
)
RELEASED = (
    f"SELECT {ROW_COLUMNS} FROM inbox i INDEXED BY inbox_release {_JOINED} "
    "WHERE i.state = 'held' AND i.not_before_ms <= ? AND i.reason = ? ORDER BY i.not_before_ms, i.seq LIMIT ?"
)
AHEAD = (
    "SELECT 1 FROM inbox INDEXED BY inbox_release WHERE state = 'held' AND not_before_ms IS NOT NULL "
    "AND created_ms > ? AND reason = ? AND not_before_ms - created_ms <= ? LIMIT 1"
)
SET_BACK = (
    "UPDATE inbox INDEXED BY inbox_release SET not_before_ms = not_before_ms - created_ms + :now, created_ms = :now "
    "WHERE state = 'held' AND not_before_ms IS NOT NULL AND created_ms > :now AND reason = :cause "
    "AND not_before_ms - created_ms <= :within"
)
REPLIES = f"{_SELECT} WHERE m.re = ? AND m.sender != ? ORDER BY i.seq"
_SAID = "SELECT m.sender, max(m.created_ms, coalesce(i.not_before_ms, 0)), i.seq FROM"
_BETWEEN_THEM = (
    "m.sender = :one AND m.addressee = :other AND m.topic IS :topic AND i.outcome IS NOT :unsaid "
    "AND (i.not_before_ms IS NULL OR i.not_before_ms <= :now OR i.state = 'held' AND i.reason = :cause)"
)
BETWEEN = (
    f"{_SAID} messages m JOIN inbox i ON i.message = m.id "
    f"WHERE m.created_ms > :since AND m.created_ms <= :now AND {_BETWEEN_THEM} UNION ALL "
    f"{_SAID} inbox i INDEXED BY inbox_timed {_JOINED} "
    f"WHERE i.not_before_ms > :since AND m.created_ms <= :since AND {_BETWEEN_THEM}"
)
SYSTEM = "iapeer"
INFORMATIONAL = "informational"
ALL = -1  # no limit
OLDEST = 1000  # rows that are not final, at most, that an inbox shows beside the newest


class Queries(Database):
    """Questions about rows; each is one SELECT, one consistent state."""

    def untold(self, teller: str, after: int = 0, most: int = ALL) -> list[Row]:
        """The rows of peers' messages that ended badly or without the answer asked for, untold so far. One read.

        The first `most` of them whose seq is above `after`.
        """
        given = {"teller": teller, "unasked": INFORMATIONAL, "after": after, "most": most}
        return [read_row(values) for values in self._all(UNTOLD, given)]

    def of_namesake(self, row: Row) -> bool:
        """Whether the peer that sent `row` was removed since: one of its name is another. One read."""
        return bool(self._all(SENT_BY_NAMESAKE, (row.sender, row.seq))[0][0])

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
        """The newest `limit` rows and the oldest 1000 that are not final, newest last. One read."""
        return [read_row(values) for values in self._all(RECENT, (personality, limit, personality, OLDEST))]

    def unfinished(self, personality: str) -> int:
        """How many rows of the peer are not final. One read."""
        return int(self._all(OPEN_ROWS, (personality,))[0][0])

    def typed_before(self, session: str, message_id: str) -> bool:
        """Whether another message than this one was typed in the session. One read.

        Whoever was leased there and not put back: a daemon may have died between the paste and its `typed_ms`.
        """
        return bool(self._all(TYPED_BEFORE, (session, message_id))[0][0])

    def depth(self, identity: str) -> int:
        """How many rows are queued or held; what is for a later time is not in line yet. One read."""
        found = self._all(DEPTH, {"identity": identity, "now": self._now()})
        return int(found[0][0])

    def holds(self, identity: str, cause: str) -> bool:
        """Whether a row of the identity is held with this cause. One read."""
        return bool(self._all(HELD_FOR, (identity, cause))[0][0])

    def waiting_identities(self) -> list[str]:
        """The identities with a queued or held row, due or not, by name. One read."""
        return sorted(str(identity) for (identity,) in self._all(IDENTITIES))

    def due_identities(self, after: int, until: int) -> list[str]:
        """The identities with a queued row that became due after one time (ms), until the other, by name. One read."""
        return sorted(str(identity) for (identity,) in self._all(DUE, (after, until)))

    def in_flight_rows(self) -> list[Row]:
        """The in-flight row of every identity that has one: what a daemon that comes back must settle. One read."""
        return sorted((read_row(values) for values in self._all(ALL_IN_FLIGHT)), key=lambda row: row.seq)

    def next_deadline(self, now: int) -> int | None:
        """When, after `now`, a waiting row next becomes due or expires (ms since 1970); None if never. One read."""
        found = self._all(DEADLINE, {"now": now})[0][0]
        return None if found is None else int(found)

    def replies(self, message_id: str) -> list[Row]:
        """What was sent with `re` = this message, iapeer's own notices left out, oldest first. One read."""
        return [read_row(values) for values in self._all(REPLIES, (message_id, SYSTEM))]

    def reply_to(self, asked: Row) -> Row | None:
        """The first answer of its addressee to its sender, or None. One read."""
        return next((row for row in self.replies(asked.message) if answers(row, asked)), None)

    def between(self, one: str, other: str, topic: str | None, since: int, cause: str) -> list[tuple[str, int]]:
        """(sender, when it may be typed, ms) of what two peers sent each other on a topic after `since`, by time.

        Of what is to be typed only later, that which is held for `cause`: what is scheduled comes when it comes. What
        was only stored to be read is left out, and what was said by a clock that was set back since. Two reads.
        """
        given = {"topic": topic, "since": since, "now": self._now(), "unsaid": INFORMATIONAL, "cause": cause}
        pairs = ((one, other), (other, one))
        found = [said for a, b in pairs for said in self._all(BETWEEN, {**given, "one": a, "other": b})]
        return [(str(sender), int(when)) for sender, when, _ in sorted(found, key=lambda said: said[1:])]

    def counts(self) -> dict[str, int]:
        """How many rows are in each state that has any, those of removed peers included. One read."""
        return dict(self._all("SELECT state, sum(amount) FROM tally WHERE amount > 0 GROUP BY state ORDER BY state"))

    def _known_row(self, message_id: str) -> Row:
        row = self.row(message_id)
        if row is None:
            raise Refused(f"There is no message '{message_id}': `iapeer events` lists them.", code="unknown-message")
        return row

    def _unfinished(self, personality: str, most: int) -> list[Row]:
        return [read_row(values) for values in self._all(UNFINISHED_OF, (personality, most))]


def answers(row: Row, asked: Row) -> bool:
    """Whether `row` is its addressee's answer to the sender of `asked`."""
    return row.kind == "result" and (row.sender, row.to) == (asked.to, asked.sender)
