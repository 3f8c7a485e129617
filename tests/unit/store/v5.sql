BEGIN TRANSACTION;
CREATE TABLE consents (
  personality TEXT NOT NULL,
  runtime TEXT NOT NULL,
  subject TEXT NOT NULL,
  value TEXT NOT NULL,
  set_ms INTEGER NOT NULL,
  PRIMARY KEY (personality, runtime, subject)
) WITHOUT ROWID;
INSERT INTO "consents" VALUES('','claude','program','/usr/bin/claude',1700000000000);
INSERT INTO "consents" VALUES('bob','','permissions','"bypass"',1700000000000);
INSERT INTO "consents" VALUES('bob','claude','launch.env','{"args": ["--a b"], "env": {"KEY": "v\u00e4"}}',1700000000000);
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
INSERT INTO "events" VALUES(1,1700000000000,'peer_added','bob',NULL,NULL,NULL,'{"folder": "/work/bob"}');
INSERT INTO "events" VALUES(2,1700000000000,'session_opened','bob','claude-bob',NULL,'s1','{"mode": "fresh", "cause": "first-wake"}');
INSERT INTO "events" VALUES(3,1700000000000,'session_ended','bob','claude-bob',NULL,'s1','{"cause": "parked", "exit_code": null, "signal": null}');
INSERT INTO "events" VALUES(4,1700000000000,'session_opened','bob','claude-bob',NULL,'s2','{"mode": "resume", "cause": "parked-resume"}');
INSERT INTO "events" VALUES(5,1700000000000,'session_opened','bob','codex-bob',NULL,'s3','{"mode": "fresh", "cause": "first-wake"}');
INSERT INTO "events" VALUES(6,1700000000000,'accepted','bob','claude-bob','m1',NULL,'{"from": null, "to": "queued", "reason": null, "sender": "ann", "kind": "work", "re": null}');
INSERT INTO "events" VALUES(7,1700000000000,'leased','bob','claude-bob','m1','s2','{"from": "queued", "to": "leased", "reason": null, "attempt": 1}');
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
INSERT INTO "inbox" VALUES(1,'m1','claude-bob','bob','leased',NULL,1,'s2','{"path": null, "offset": 0}',NULL,NULL,NULL,0,NULL,NULL,1700000000000,1700000000000);
CREATE TABLE marks (
  identity TEXT NOT NULL,
  mark TEXT NOT NULL,
  personality TEXT NOT NULL,
  set_ms INTEGER NOT NULL,
  PRIMARY KEY (identity, mark)
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
, asks INTEGER NOT NULL DEFAULT 0);
INSERT INTO "messages" VALUES('m1','ann','codex','artificial','bob','work',NULL,NULL,X'68656C6C6F','[]',NULL,'',1700000000000,0);
CREATE TABLE peers (
  personality TEXT PRIMARY KEY,
  folder TEXT NOT NULL UNIQUE,
  stopped INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "peers" VALUES('bob','/work/bob',0,1700000000000);
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
, topics TEXT NOT NULL DEFAULT '[]', version TEXT, port TEXT);
INSERT INTO "sessions" VALUES('s1','claude-bob','bob','fresh','first-wake',NULL,NULL,'/work/bob',NULL,NULL,NULL,NULL,NULL,1700000000000,NULL,1700000000000,'parked',NULL,NULL,NULL,'hash-s1',0,'[]',NULL,NULL);
INSERT INTO "sessions" VALUES('s2','claude-bob','bob','resume','parked-resume','c1',NULL,'/work/bob',NULL,NULL,NULL,NULL,NULL,1700000000000,NULL,NULL,NULL,NULL,NULL,NULL,'hash-s2',0,'[]','2.1.332','4711 ab');
INSERT INTO "sessions" VALUES('s3','codex-bob','bob','fresh','first-wake',NULL,NULL,'/work/bob',NULL,NULL,NULL,NULL,NULL,1700000000000,NULL,NULL,NULL,NULL,NULL,NULL,'hash-s3',0,'[]',NULL,NULL);
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tally (
  identity TEXT NOT NULL,
  state TEXT NOT NULL,
  amount INTEGER NOT NULL,
  PRIMARY KEY (identity, state)
) WITHOUT ROWID;
INSERT INTO "tally" VALUES('claude-bob','leased',1);
INSERT INTO "tally" VALUES('claude-bob','queued',0);
CREATE UNIQUE INDEX messages_key ON messages(sender, key) WHERE key IS NOT NULL;
CREATE INDEX inbox_personality ON inbox(personality);
CREATE INDEX inbox_live ON inbox(personality)
  WHERE state NOT IN ('done', 'failed', 'dead', 'cancelled', 'dropped', 'expired');
CREATE INDEX inbox_queued ON inbox(identity, priority DESC, seq) WHERE state = 'queued';
CREATE INDEX inbox_due ON inbox(not_before_ms) WHERE state = 'queued' AND not_before_ms IS NOT NULL;
CREATE INDEX inbox_expiry ON inbox(expires_ms) WHERE state IN ('queued', 'held') AND expires_ms IS NOT NULL;
CREATE UNIQUE INDEX inbox_in_flight ON inbox(identity)
  WHERE state IN ('leased', 'stranded', 'unknown', 'running', 'needs_input');
CREATE UNIQUE INDEX sessions_open ON sessions(identity) WHERE ended_ms IS NULL;
CREATE INDEX sessions_identity ON sessions(identity, started_ms);
CREATE INDEX sessions_personality ON sessions(personality, started_ms);
CREATE INDEX sessions_token ON sessions(token_hash) WHERE ended_ms IS NULL;
CREATE INDEX events_message ON events(message) WHERE message IS NOT NULL;
CREATE INDEX events_personality ON events(personality) WHERE personality IS NOT NULL;
CREATE INDEX messages_re ON messages(re) WHERE re IS NOT NULL;
CREATE INDEX messages_pair ON messages(sender, addressee, created_ms);
CREATE INDEX inbox_timed ON inbox(not_before_ms) WHERE not_before_ms IS NOT NULL;
CREATE INDEX inbox_release ON inbox(not_before_ms) WHERE state = 'held' AND not_before_ms IS NOT NULL;
CREATE INDEX inbox_session ON inbox(session) WHERE session IS NOT NULL;
CREATE INDEX inbox_held ON inbox(identity, reason) WHERE state = 'held';
CREATE INDEX inbox_scheduled ON inbox(identity, not_before_ms) WHERE state = 'queued' AND not_before_ms IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',7);
INSERT INTO "sqlite_sequence" VALUES('inbox',1);
COMMIT;
PRAGMA application_id=1767993445;
PRAGMA user_version=5;
