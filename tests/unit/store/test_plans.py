"""Hot questions are answered from an index, however many rows there are; and a commit is one sync."""

from __future__ import annotations

import re
from typing import Any

import pytest

from iapeer.store import Store, holds, queries, status

from .samples import message

PLANS = [
    (queries.NEXT_WAITING, "inbox_queued (identity=?)"),
    (queries.IN_FLIGHT_OF, "activations_open (identity=?)"),
    (queries.ALL_IN_FLIGHT, "USING INDEX activations_open"),
    (queries.OPEN_ACTIVATION, "activations_open (identity=?)"),
    (queries.ROWS_OF, "r USING PRIMARY KEY (activation=?)"),
    (queries.CLOSE, "r USING PRIMARY KEY (activation=?)"),
    (queries.HISTORY, "activation_rows_row (row=?)"),
    (queries.UNFINISHED_OF, "inbox_live (personality=?)"),
    (holds.ANY_HELD, "holds_identity (identity=? AND cause=?)"),
    (holds.CAUSES_OF, "holds USING PRIMARY KEY (row=?)"),
    (queries.UNHELD, "holds USING PRIMARY KEY (row=?)"),
    (queries.EXPIRED, "inbox_expiry (expires_ms<?)"),
    (queries.DEPTH, "tally USING PRIMARY KEY (identity=? AND state=?)"),
    (queries.DEPTH, "inbox_scheduled (identity=? AND not_before_ms>?)"),
    (queries.QUEUED_OF, "inbox_queued (identity=?)"),
    (queries.SHOWN_OF, "inbox_held (identity=? AND reason=?)"),
    (queries.HELD_OF, "holds_identity (identity=? AND cause=?)"),
    (queries.DUE, "inbox_due (not_before_ms>? AND not_before_ms<?)"),
    (queries.DEADLINE, "inbox_due (not_before_ms>?)"),
    (queries.DEADLINE, "inbox_expiry (expires_ms>?)"),
    (queries.DEADLINE, "holds_until (until_ms>?)"),
    (holds.DUE_HOLDS, "holds_until (until_ms<?)"),
    (queries.TYPED_BEFORE, "activations_session (session=?)"),
    (queries.REPLIES, "messages_re (re=?)"),
    (queries.BETWEEN, "messages_pair (sender=? AND addressee=? AND created_ms>? AND created_ms<?)"),
    (queries.BETWEEN, "inbox_timed (not_before_ms>?)"),
    ("SELECT mark FROM marks WHERE identity = ? ORDER BY mark", "marks USING PRIMARY KEY (identity=?)"),
    (status.HEADS, "inbox_live"),
    (queries.RECENT, "inbox_personality (personality=?)"),
    (queries.RECENT, "inbox_live (personality=?)"),
    ("SELECT * FROM sessions WHERE identity = ? AND ended_ms IS NULL", "sessions_open (identity=?)"),
    ("SELECT * FROM sessions WHERE token_hash = ? AND ended_ms IS NULL", "sessions_token (token_hash=?)"),
    ("SELECT id FROM messages WHERE sender = ? AND key = ?", "messages_key (sender=? AND key=?)"),
    (
        "SELECT * FROM events WHERE seq > ? AND message = ? ORDER BY seq LIMIT 9",
        "events_message (message=? AND rowid>?)",
    ),
]


SCANNED = re.compile(r"SCAN (i|m|a|r|h|activations|inbox|messages|sessions|events|marks|holds)$")


def _plan(store: Store, sql: str) -> list[str]:
    values: Any = dict.fromkeys(re.findall(r":(\w+)", sql), 1) if ":" in sql else ("a",) * sql.count("?")
    return [line[3] for line in store.database.connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.parametrize(("sql", "index"), PLANS)
def test_the_partial_index_is_used(store: Store, sql: str, index: str) -> None:
    """SQLite's own plan names it, and scans no table; with statistics as without."""
    for _ in range(2):
        plan = _plan(store, sql)
        assert any(index in line for line in plan), plan
        assert not [line for line in plan if SCANNED.match(line)], plan
        store.messages.accept_many([message(str(number)) for number in range(50)])
        store.database.connection.execute("ANALYZE")


@pytest.mark.parametrize(
    "sql", [queries.NEXT_WAITING, queries.QUEUED_OF, queries.SHOWN_OF, queries.HELD_OF, holds.DUE_HOLDS]
)
def test_the_next_rows_need_no_sorting(store: Store, sql: str) -> None:
    """Else each would cost the whole backlog."""
    assert not [line for line in _plan(store, sql) if "TEMP B-TREE" in line]


def test_whether_a_sender_was_told_is_not_looked_for_in_all_they_ever_said(store: Store) -> None:
    """A daemon that starts asks it of every message: by pairs of peers that is the square of their number."""
    inner = [line for line in _plan(store, queries.UNTOLD) if "SEARCH r" in line or "SEARCH n" in line]
    assert len(inner) == 2
    assert all("messages_re (re=?)" in line for line in inner), inner


@pytest.mark.parametrize("sql", [queries.IDENTITIES, queries.OPEN_ROWS])
def test_counting_reads_no_rows(store: Store, sql: str) -> None:
    """What is counted is on record."""
    assert not [line for line in _plan(store, sql) if re.search("inbox|messages", line)]
