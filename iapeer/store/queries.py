"""The questions asked of inbox and messages. Every hot one is answered from a partial index."""

from __future__ import annotations

from iapeer.store.rows import ROW_COLUMNS

# Conditions as the partial indexes have them: SQLite uses such an index only for the very same expression.
UNFINISHED = "state NOT IN ('done', 'failed', 'dead', 'cancelled', 'dropped', 'expired')"
IN_FLIGHT = "state IN ('leased', 'stranded', 'unknown', 'running', 'needs_input')"
WAITING = "state IN ('queued', 'held')"

_JOINED = "JOIN messages m ON m.id = i.message LEFT JOIN activations a ON a.id = i.activation"
SELECT_ROW = f"SELECT {ROW_COLUMNS} FROM inbox i {_JOINED}"
NEXT_WAITING = (
    f"SELECT {ROW_COLUMNS} FROM inbox i INDEXED BY inbox_queued {_JOINED} WHERE i.identity = ? AND i.state = 'queued' "
    "AND (i.not_before_ms IS NULL OR i.not_before_ms <= ?) AND (i.expires_ms IS NULL OR i.expires_ms > ?) "
    "ORDER BY i.priority DESC, i.seq LIMIT 1"
)
_HELD_BY = (
    "JOIN activation_rows r ON r.activation = a.id "
    f"JOIN inbox i ON i.seq = r.row AND i.activation = a.id AND i.{IN_FLIGHT} JOIN messages m ON m.id = i.message"
)
ALL_IN_FLIGHT = (
    f"SELECT {ROW_COLUMNS} FROM activations a INDEXED BY activations_open {_HELD_BY} WHERE a.ended_ms IS NULL"
)
IN_FLIGHT_OF = f"{ALL_IN_FLIGHT} AND a.identity = ?"
ROWS_OF = f"SELECT {ROW_COLUMNS} FROM activations a {_HELD_BY} WHERE a.id = ? ORDER BY i.seq"
# An activation goes with its rows, and ends with the last of them.
FOLLOW = "UPDATE activations SET state = ?, attempt = ?, evidence = coalesce(?, evidence) WHERE id = ?"
CLOSE = (
    "UPDATE activations SET state = :state, ended_ms = :now, outcome = :outcome, "
    "evidence = CASE WHEN :evidence IS NULL THEN evidence WHEN evidence IS NULL THEN :evidence "
    "ELSE json_patch(evidence, :evidence) END "
    "WHERE id = :id AND NOT EXISTS (SELECT 1 FROM activation_rows r JOIN inbox i ON i.seq = r.row "
    f"WHERE r.activation = :id AND i.activation = :id AND i.{IN_FLIGHT})"
)
OPEN_ACTIVATION = "SELECT * FROM activations INDEXED BY activations_open WHERE identity = ? AND ended_ms IS NULL"
HISTORY = (
    "SELECT a.* FROM activation_rows r INDEXED BY activation_rows_row JOIN activations a ON a.id = r.activation "
    "WHERE r.row = (SELECT seq FROM inbox WHERE message = ?) ORDER BY a.id"
)
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
RECOUNT = "INSERT INTO tally VALUES (?, ?, -1), (?, ?, 1) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount"
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
SHOWN_OF = (
    f"SELECT {ROW_COLUMNS} FROM inbox i INDEXED BY inbox_held {_JOINED} "
    "WHERE i.identity = ? AND i.state = 'held' AND i.reason = ? ORDER BY i.seq LIMIT ?"
)
# `CROSS JOIN`: by the holds, which are few, and never by the rows.
HELD_OF = (
    f"SELECT {ROW_COLUMNS} FROM holds h INDEXED BY holds_identity CROSS JOIN inbox i ON i.seq = h.row {_JOINED} "
    "WHERE h.identity = ? AND h.cause = ? ORDER BY h.row LIMIT ?"
)
UNHELD = "DELETE FROM holds WHERE row = ?"
DISOWN = (
    "UPDATE inbox SET personality = NULL WHERE seq IN "
    "(SELECT seq FROM inbox INDEXED BY inbox_personality WHERE personality = ? LIMIT ?)"
)
# What went back into the queue left nothing in its session, or that is dead.
TOOK = "state != 'queued'"
TYPED_BEFORE = f"SELECT EXISTS (SELECT 1 FROM activations WHERE session = ? AND {TOOK} AND key != ?)"
DEADLINE = (
    "SELECT min(t) FROM (SELECT min(not_before_ms) AS t FROM inbox INDEXED BY inbox_due "
    "WHERE state = 'queued' AND not_before_ms > :now "
    "UNION ALL SELECT min(until_ms) FROM holds INDEXED BY holds_until WHERE until_ms > :now "
    f"UNION ALL SELECT min(expires_ms) FROM inbox WHERE {WAITING} AND expires_ms > :now)"
)
RECENT = (
    f"{SELECT_ROW} WHERE i.seq IN ("
    "SELECT seq FROM (SELECT seq FROM inbox WHERE personality = ? ORDER BY seq DESC LIMIT ?) "
    f"UNION SELECT seq FROM (SELECT seq FROM inbox INDEXED BY inbox_live WHERE personality = ? AND {UNFINISHED} "
    "ORDER BY seq LIMIT ?)) ORDER BY i.seq"
)
REPLIES = f"{SELECT_ROW} WHERE m.re = ? AND m.sender != ? ORDER BY i.seq"
_SAID = "SELECT m.sender, max(m.created_ms, coalesce(i.not_before_ms, 0)), i.seq FROM"
_BETWEEN_THEM = (
    "m.sender = :one AND m.addressee = :other AND m.topic IS :topic AND i.outcome IS NOT :unsaid "
    "AND (i.not_before_ms IS NULL OR i.not_before_ms <= :now "
    "OR EXISTS (SELECT 1 FROM holds h WHERE h.row = i.seq AND h.cause = :cause))"
)
BETWEEN = (
    f"{_SAID} messages m JOIN inbox i ON i.message = m.id "
    f"WHERE m.created_ms > :since AND m.created_ms <= :now AND {_BETWEEN_THEM} UNION ALL "
    f"{_SAID} inbox i INDEXED BY inbox_timed {_JOINED} "
    f"WHERE i.not_before_ms > :since AND m.created_ms <= :since AND {_BETWEEN_THEM}"
)
SYSTEM = "iapeer"
INFORMATIONAL = "informational"  # outcome: only to be read
RETURNED = "returned to the call that waited for it"  # outcome of an answer
ALL = -1  # no limit
OLDEST = 1000  # rows that are not final, at most, that an inbox shows beside the newest
