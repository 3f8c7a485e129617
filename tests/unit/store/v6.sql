BEGIN TRANSACTION;
CREATE TABLE activation_rows (
  activation INTEGER NOT NULL REFERENCES activations(id),
  row INTEGER NOT NULL REFERENCES inbox(seq),
  PRIMARY KEY (activation, row)
) WITHOUT ROWID;
INSERT INTO "activation_rows" VALUES(1,1);
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
INSERT INTO "activations" VALUES(1,'claude-bob','s1','m1',1,'running','{"size": 7}',NULL,1700000000000,NULL,NULL,NULL);
CREATE TABLE consents (
  personality TEXT NOT NULL,
  runtime TEXT NOT NULL,
  subject TEXT NOT NULL,
  value TEXT NOT NULL,
  set_ms INTEGER NOT NULL,
  PRIMARY KEY (personality, runtime, subject)
) WITHOUT ROWID;
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
INSERT INTO "events" VALUES(3,1700000000000,'accepted','bob','claude-bob','m1',NULL,'{"from": null, "to": "queued", "reason": null, "sender": "ann", "kind": "work", "re": null}');
INSERT INTO "events" VALUES(4,1700000000000,'leased','bob','claude-bob','m1','s1','{"from": "queued", "to": "leased", "reason": null, "attempt": 1}');
INSERT INTO "events" VALUES(5,1700000000000,'delivered','bob','claude-bob','m1','s1','{"from": "leased", "to": "running", "reason": null, "attempt": 1}');
INSERT INTO "events" VALUES(6,1700000000000,'accepted','bob','claude-bob','m2',NULL,'{"from": null, "to": "held", "reason": "stopped", "sender": "ann", "kind": "work", "re": null}');
INSERT INTO "events" VALUES(7,1700000000000,'accepted','bob','claude-bob','m3',NULL,'{"from": null, "to": "held", "reason": "guard", "sender": "ann", "kind": "work", "re": null}');
INSERT INTO "events" VALUES(8,1700000000000,'accepted','bob','claude-bob','m4',NULL,'{"from": null, "to": "held", "reason": "attached", "sender": "ann", "kind": "work", "re": null}');
INSERT INTO "events" VALUES(9,1700000000000,'accepted','bob','claude-bob','m5',NULL,'{"from": null, "to": "held", "reason": "awaited", "sender": "ann", "kind": "work", "re": null}');
INSERT INTO "events" VALUES(10,1700000000000,'accepted','bob','claude-bob','m6',NULL,'{"from": null, "to": "held", "reason": "loop", "sender": "ann", "kind": "work", "re": null}');
INSERT INTO "events" VALUES(11,1700000000000,'accepted','bob','claude-bob','m7',NULL,'{"from": null, "to": "held", "reason": "stopped", "sender": "ann", "kind": "work", "re": null}');
INSERT INTO "events" VALUES(12,1700000000000,'accepted','bob','codex-bob','m8',NULL,'{"from": null, "to": "queued", "reason": null, "sender": "ann", "kind": "work", "re": null}');
CREATE TABLE "inbox" (
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
INSERT INTO "inbox" VALUES(1,'m1','claude-bob','bob','running',NULL,1,1,NULL,NULL,0,NULL,NULL,1700000000000,1700000000000);
INSERT INTO "inbox" VALUES(2,'m2','claude-bob','bob','held','stopped',1,NULL,NULL,NULL,0,NULL,NULL,1700000000000,1700000000000);
INSERT INTO "inbox" VALUES(3,'m3','claude-bob','bob','held','guard',1,NULL,NULL,NULL,0,NULL,NULL,1700000000000,1700000000000);
INSERT INTO "inbox" VALUES(4,'m4','claude-bob','bob','held','attached',1,NULL,NULL,NULL,0,NULL,NULL,1700000000000,1700000000000);
INSERT INTO "inbox" VALUES(5,'m5','claude-bob','bob','held','awaited',1,NULL,NULL,NULL,0,NULL,NULL,1700000000000,1700000000000);
INSERT INTO "inbox" VALUES(6,'m6','claude-bob','bob','held','loop',1,NULL,1700000060000,NULL,0,NULL,NULL,1700000000000,1700000000000);
INSERT INTO "inbox" VALUES(7,'m7','claude-bob','bob','held','stopped',1,NULL,1700000090000,NULL,0,NULL,NULL,1700000000000,1700000000000);
INSERT INTO "inbox" VALUES(8,'m8','codex-bob','bob','queued',NULL,1,NULL,NULL,NULL,0,NULL,NULL,1700000000000,1700000000000);
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
INSERT INTO "messages" VALUES('m2','ann','codex','artificial','bob','work',NULL,NULL,X'68656C6C6F','[]',NULL,'',1700000000000,0);
INSERT INTO "messages" VALUES('m3','ann','codex','artificial','bob','work',NULL,NULL,X'68656C6C6F','[]',NULL,'',1700000000000,0);
INSERT INTO "messages" VALUES('m4','ann','codex','artificial','bob','work',NULL,NULL,X'68656C6C6F','[]',NULL,'',1700000000000,0);
INSERT INTO "messages" VALUES('m5','ann','codex','artificial','bob','work',NULL,NULL,X'68656C6C6F','[]',NULL,'',1700000000000,0);
INSERT INTO "messages" VALUES('m6','ann','codex','artificial','bob','work',NULL,NULL,X'68656C6C6F','[]',NULL,'',1700000000000,0);
INSERT INTO "messages" VALUES('m7','ann','codex','artificial','bob','work',NULL,NULL,X'68656C6C6F','[]',NULL,'',1700000000000,0);
INSERT INTO "messages" VALUES('m8','ann','codex','artificial','bob','work',NULL,NULL,X'68656C6C6F','[]',NULL,'',1700000000000,0);
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
INSERT INTO "sessions" VALUES('s1','claude-bob','bob','fresh','first-wake',NULL,NULL,'/work/bob',NULL,NULL,NULL,NULL,NULL,1700000000000,NULL,NULL,NULL,NULL,NULL,NULL,'hash-s1',0,'[]',NULL,NULL);
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tally (
  identity TEXT NOT NULL,
  state TEXT NOT NULL,
  amount INTEGER NOT NULL,
  PRIMARY KEY (identity, state)
) WITHOUT ROWID;
INSERT INTO "tally" VALUES('claude-bob','held',6);
INSERT INTO "tally" VALUES('claude-bob','leased',0);
INSERT INTO "tally" VALUES('claude-bob','queued',0);
INSERT INTO "tally" VALUES('claude-bob','running',1);
INSERT INTO "tally" VALUES('codex-bob','queued',1);
CREATE UNIQUE INDEX messages_key ON messages(sender, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX sessions_open ON sessions(identity) WHERE ended_ms IS NULL;
CREATE INDEX sessions_identity ON sessions(identity, started_ms);
CREATE INDEX sessions_personality ON sessions(personality, started_ms);
CREATE INDEX sessions_token ON sessions(token_hash) WHERE ended_ms IS NULL;
CREATE INDEX events_message ON events(message) WHERE message IS NOT NULL;
CREATE INDEX events_personality ON events(personality) WHERE personality IS NOT NULL;
CREATE INDEX messages_re ON messages(re) WHERE re IS NOT NULL;
CREATE INDEX messages_pair ON messages(sender, addressee, created_ms);
CREATE UNIQUE INDEX activations_open ON activations(identity) WHERE ended_ms IS NULL;
CREATE INDEX activations_session ON activations(session) WHERE state != 'queued';
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
CREATE INDEX activation_rows_row ON activation_rows(row);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('inbox',8);
INSERT INTO "sqlite_sequence" VALUES('events',12);
COMMIT;
PRAGMA application_id=1767993445;
PRAGMA user_version=6;
