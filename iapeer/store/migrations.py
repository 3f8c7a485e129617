"""The schema, one numbered step after the other. A step that was released is never edited: add the next one.

`PRAGMA user_version` counts the steps a file has seen; `application_id` says that the file is ours.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from iapeer.model.errors import Failed

APPLICATION_ID = 0x69617065  # "iape"
ADOPT = "adopt_consents"  # a setting: there are peers of a version that asked for no consent

_V1 = """
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE peers (
  personality TEXT PRIMARY KEY,
  folder TEXT NOT NULL UNIQUE,
  stopped INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE messages (
  id TEXT PRIMARY KEY,
  sender TEXT NOT NULL,
  sender_runtime TEXT NOT NULL,
  sender_intelligence TEXT NOT NULL,
  addressee TEXT NOT NULL,
  kind TEXT NOT NULL,
  topic TEXT,
  re TEXT,
  body BLOB NOT NULL,
  attachments TEXT NOT NULL,
  key TEXT,
  fingerprint TEXT NOT NULL,
  created_ms INTEGER NOT NULL
);
CREATE UNIQUE INDEX messages_key ON messages(sender, key) WHERE key IS NOT NULL;

-- personality is the peer the row counts for: NULL once that peer was removed.
CREATE TABLE inbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  message TEXT NOT NULL UNIQUE REFERENCES messages(id),
  identity TEXT NOT NULL,
  personality TEXT,
  state TEXT NOT NULL CHECK (state IN ('queued', 'held', 'leased', 'running', 'stranded', 'unknown', 'needs_input',
    'needs_verification', 'done', 'failed', 'dead', 'cancelled', 'dropped', 'expired')),
  reason TEXT,
  attempt INTEGER NOT NULL DEFAULT 1,
  session TEXT,
  baseline TEXT,
  typed_ms INTEGER,
  not_before_ms INTEGER,
  expires_ms INTEGER,
  priority INTEGER NOT NULL DEFAULT 0,
  outcome TEXT,
  error TEXT,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  CHECK (state NOT IN ('leased', 'stranded', 'unknown') OR session IS NOT NULL)
);
CREATE INDEX inbox_personality ON inbox(personality);
CREATE INDEX inbox_live ON inbox(personality)
  WHERE state NOT IN ('done', 'failed', 'dead', 'cancelled', 'dropped', 'expired');
CREATE INDEX inbox_queued ON inbox(identity, priority DESC, seq) WHERE state = 'queued';
CREATE INDEX inbox_held ON inbox(identity) WHERE state = 'held';
CREATE INDEX inbox_due ON inbox(not_before_ms) WHERE state = 'queued' AND not_before_ms IS NOT NULL;
CREATE INDEX inbox_expiry ON inbox(expires_ms) WHERE state IN ('queued', 'held') AND expires_ms IS NOT NULL;
CREATE UNIQUE INDEX inbox_in_flight ON inbox(identity)
  WHERE state IN ('leased', 'stranded', 'unknown', 'running', 'needs_input');

CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  identity TEXT NOT NULL,
  personality TEXT NOT NULL,
  mode TEXT NOT NULL,
  cause TEXT NOT NULL,
  conversation TEXT,
  transcript TEXT,
  folder TEXT NOT NULL,
  pid INTEGER,
  pid_started REAL,
  server_pid INTEGER,
  server_started REAL,
  boot_id TEXT,
  started_ms INTEGER NOT NULL,
  ready_ms INTEGER,
  ended_ms INTEGER,
  end_cause TEXT,
  exit_code INTEGER,
  signal INTEGER,
  last_screen TEXT,
  token_hash TEXT,
  log_offset INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX sessions_open ON sessions(identity) WHERE ended_ms IS NULL;
CREATE INDEX sessions_identity ON sessions(identity, started_ms);
CREATE INDEX sessions_personality ON sessions(personality, started_ms);
CREATE INDEX sessions_token ON sessions(token_hash) WHERE ended_ms IS NULL;

CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  ts INTEGER NOT NULL,
  ev TEXT NOT NULL,
  personality TEXT,
  identity TEXT,
  message TEXT,
  session TEXT,
  data TEXT NOT NULL
);
CREATE INDEX events_message ON events(message) WHERE message IS NOT NULL;
CREATE INDEX events_personality ON events(personality) WHERE personality IS NOT NULL;
"""

_V2 = """
ALTER TABLE messages ADD COLUMN asks INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_re ON messages(re) WHERE re IS NOT NULL;
CREATE INDEX messages_pair ON messages(sender, addressee, created_ms);
CREATE INDEX inbox_timed ON inbox(not_before_ms) WHERE not_before_ms IS NOT NULL;
CREATE INDEX inbox_release ON inbox(not_before_ms) WHERE state = 'held' AND not_before_ms IS NOT NULL;
ALTER TABLE sessions ADD COLUMN topics TEXT NOT NULL DEFAULT '[]';

-- What is to be done with an identity at its next wake.
CREATE TABLE marks (
  identity TEXT NOT NULL,
  mark TEXT NOT NULL,
  personality TEXT NOT NULL,
  set_ms INTEGER NOT NULL,
  PRIMARY KEY (identity, mark)
) WITHOUT ROWID;
"""

_V3 = """
CREATE INDEX inbox_session ON inbox(session) WHERE session IS NOT NULL;

-- How many rows of an identity are in each state: counting a backlog of a million takes a tenth of a second. Not kept
-- by triggers: with one, each INSERT of a burst is a statement that can be half undone, and takes a third longer.
CREATE TABLE tally (
  identity TEXT NOT NULL,
  state TEXT NOT NULL,
  amount INTEGER NOT NULL,
  PRIMARY KEY (identity, state)
) WITHOUT ROWID;
INSERT INTO tally SELECT identity, state, count(*) FROM inbox GROUP BY identity, state;

DROP INDEX inbox_held;
CREATE INDEX inbox_held ON inbox(identity, reason) WHERE state = 'held';
CREATE INDEX inbox_scheduled ON inbox(identity, not_before_ms) WHERE state = 'queued' AND not_before_ms IS NOT NULL;
"""

# The version that the program told when the session was launched; NULL: none, or it was not asked yet.
_V4 = """
ALTER TABLE sessions ADD COLUMN version TEXT;
"""

# A session's `port`: the loopback port and the certificate it was launched with; NULL: nobody knows.
# What the operator confirmed; '' is every peer, or every runtime. Peers of before adopt what they have: see ADOPT.
_V5 = """
ALTER TABLE sessions ADD COLUMN port TEXT;
DELETE FROM settings WHERE key = 'tcp_ports';
CREATE TABLE consents (
  personality TEXT NOT NULL,
  runtime TEXT NOT NULL,
  subject TEXT NOT NULL,
  value TEXT NOT NULL,
  set_ms INTEGER NOT NULL,
  PRIMARY KEY (personality, runtime, subject)
) WITHOUT ROWID;
INSERT INTO settings SELECT 'adopt_consents', '1' WHERE EXISTS (SELECT 1 FROM peers);
"""

# What an attempt is, from the lease to its outcome, is no matter of the row: it is an activation's. The attempts of
# before are told by the events of rows that came back.
_V6 = """
CREATE TABLE activations (
  id INTEGER PRIMARY KEY,
  identity TEXT NOT NULL,
  session TEXT NOT NULL,
  key TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  state TEXT NOT NULL,
  baseline TEXT,
  typed_ms INTEGER,
  started_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  outcome TEXT,
  evidence TEXT,
  CHECK ((ended_ms IS NULL) = (state IN ('leased', 'stranded', 'unknown', 'running', 'needs_input')))
);
INSERT INTO activations (identity, session, key, attempt, state, started_ms, ended_ms, outcome)
  SELECT identity, session, message, before, 'queued', ts, ts, reason FROM (
    SELECT min(seq) AS seq, identity, session, message, json_extract(data, '$.attempt') - 1 AS before, ts,
      json_extract(data, '$.reason') AS reason
    FROM events WHERE ev = 'queued' AND message IS NOT NULL AND session IS NOT NULL GROUP BY message, before
  ) WHERE before > 0 ORDER BY seq;
CREATE TABLE told AS SELECT coalesce(max(id), 0) AS most FROM activations;
INSERT INTO activations
  SELECT most + seq, identity, coalesce(session, ''), message, attempt, state, baseline, typed_ms,
    coalesce(typed_ms, updated_ms),
    iif(state IN ('leased', 'stranded', 'unknown', 'running', 'needs_input'), NULL, updated_ms), outcome, NULL
  FROM inbox, told
  WHERE session IS NOT NULL OR state IN ('leased', 'stranded', 'unknown', 'running', 'needs_input');
CREATE UNIQUE INDEX activations_open ON activations(identity) WHERE ended_ms IS NULL;
CREATE INDEX activations_session ON activations(session) WHERE state != 'queued';

CREATE TABLE rows (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  message TEXT NOT NULL UNIQUE REFERENCES messages(id),
  identity TEXT NOT NULL,
  personality TEXT,
  state TEXT NOT NULL CHECK (state IN ('queued', 'held', 'leased', 'running', 'stranded', 'unknown', 'needs_input',
    'needs_verification', 'done', 'failed', 'dead', 'cancelled', 'dropped', 'expired')),
  reason TEXT,
  attempt INTEGER NOT NULL DEFAULT 1,
  activation INTEGER REFERENCES activations(id),
  not_before_ms INTEGER,
  expires_ms INTEGER,
  priority INTEGER NOT NULL DEFAULT 0,
  outcome TEXT,
  error TEXT,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  CHECK (state NOT IN ('leased', 'stranded', 'unknown', 'running', 'needs_input') OR activation IS NOT NULL)
);
INSERT INTO rows
  SELECT i.seq, message, i.identity, personality, i.state, reason, i.attempt, a.id, not_before_ms, expires_ms,
    priority, i.outcome, error, created_ms, updated_ms
  FROM told CROSS JOIN inbox i LEFT JOIN activations a ON a.id = most + i.seq;
DROP TABLE told;
DROP TABLE inbox;
ALTER TABLE rows RENAME TO inbox;
CREATE INDEX inbox_personality ON inbox(personality);
CREATE INDEX inbox_live ON inbox(personality)
  WHERE state NOT IN ('done', 'failed', 'dead', 'cancelled', 'dropped', 'expired');
CREATE INDEX inbox_queued ON inbox(identity, priority DESC, seq) WHERE state = 'queued';
CREATE INDEX inbox_held ON inbox(identity, reason) WHERE state = 'held';
CREATE INDEX inbox_scheduled ON inbox(identity, not_before_ms) WHERE state = 'queued' AND not_before_ms IS NOT NULL;
CREATE INDEX inbox_due ON inbox(not_before_ms) WHERE state = 'queued' AND not_before_ms IS NOT NULL;
CREATE INDEX inbox_timed ON inbox(not_before_ms) WHERE not_before_ms IS NOT NULL;
CREATE INDEX inbox_release ON inbox(not_before_ms) WHERE state = 'held' AND not_before_ms IS NOT NULL;
CREATE INDEX inbox_expiry ON inbox(expires_ms) WHERE state IN ('queued', 'held') AND expires_ms IS NOT NULL;

CREATE TABLE activation_rows (
  activation INTEGER NOT NULL REFERENCES activations(id),
  row INTEGER NOT NULL REFERENCES inbox(seq),
  PRIMARY KEY (activation, row)
) WITHOUT ROWID;
INSERT INTO activation_rows SELECT a.id, i.seq FROM activations a JOIN inbox i ON i.message = a.key;
CREATE INDEX activation_rows_row ON activation_rows(row);
"""

# Each row carries the set of causes that hold it; `reason` shows the first. A row held before carries the one it shows.
_V7 = """
CREATE TABLE holds (
  row INTEGER NOT NULL,
  cause TEXT NOT NULL,
  identity TEXT NOT NULL,
  until_ms INTEGER,
  set_ms INTEGER NOT NULL,
  PRIMARY KEY (row, cause)
) WITHOUT ROWID;
CREATE INDEX holds_identity ON holds(identity, cause, row);
CREATE INDEX holds_until ON holds(until_ms) WHERE until_ms IS NOT NULL;
INSERT INTO holds SELECT seq, reason, identity, CASE reason WHEN 'loop' THEN not_before_ms END, created_ms
  FROM inbox WHERE state = 'held' AND reason IN ('stopped', 'guard', 'attached', 'awaited', 'loop');
DROP INDEX inbox_release;
"""

MIGRATIONS: tuple[str, ...] = (_V1, _V2, _V3, _V4, _V5, _V6, _V7)
VERSION = len(MIGRATIONS)


def migrate(sql: sqlite3.Connection, path: Path) -> None:
    """Bring the file to this version: every missing step is one transaction of its own.

    Failed when the file is a newer iapeer's or another program's. Ends in a real write, so that a file or a disk that
    cannot be written is found out here, and not by the first message.
    """
    version = _pragma(sql, "user_version")
    if version > VERSION:
        raise Failed(
            f"The database {path} was written by a newer iapeer (version {version}, this one knows {VERSION}): "
            "upgrade iapeer, or set IAPEER_ROOT to another folder.",
            code="store",
        )
    _check_owner(sql, path, version)
    for number in range(version + 1, VERSION + 1):
        _apply(sql, MIGRATIONS[number - 1], number)
    sql.execute(f"PRAGMA user_version = {VERSION}")


def _check_owner(sql: sqlite3.Connection, path: Path, version: int) -> None:
    empty = not sql.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if _pragma(sql, "application_id") != APPLICATION_ID and not (empty and version == 0):
        raise Failed(
            f"{path} is the database of another program: move it away, or set IAPEER_ROOT to another folder.",
            code="store",
        )


def _apply(sql: sqlite3.Connection, script: str, number: int) -> None:
    try:
        sql.executescript(
            f"BEGIN IMMEDIATE; {script}; PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {number}; COMMIT"
        )
    except sqlite3.Error:
        if sql.in_transaction:
            sql.execute("ROLLBACK")
        raise


def _pragma(sql: sqlite3.Connection, name: str) -> int:
    return int(sql.execute(f"PRAGMA {name}").fetchone()[0])
