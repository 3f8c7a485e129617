BEGIN TRANSACTION;
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
INSERT INTO "events" VALUES(1,1700000000000,'peer_added','ann',NULL,NULL,NULL,'{"folder": "/work/ann"}');
INSERT INTO "events" VALUES(2,1700000000000,'peer_added','bob',NULL,NULL,NULL,'{"folder": "/work/bob"}');
INSERT INTO "events" VALUES(3,1700000000000,'session_opened','bob','claude-bob',NULL,'s1','{"mode": "fresh", "cause": "ephemeral-policy"}');
INSERT INTO "events" VALUES(4,1700000000000,'accepted','bob','claude-bob','m1',NULL,'{"from": null, "to": "queued", "reason": null, "sender": "ann", "kind": "work", "re": null}');
INSERT INTO "events" VALUES(5,1700000000000,'accepted','bob','claude-bob','m2',NULL,'{"from": null, "to": "queued", "reason": null, "sender": "ann", "kind": "work", "re": null}');
INSERT INTO "events" VALUES(6,1700000000000,'accepted','bob','claude-bob','m3',NULL,'{"from": null, "to": "queued", "reason": null, "sender": "ann", "kind": "result", "re": "q1"}');
INSERT INTO "events" VALUES(7,1700000000000,'accepted','bob','claude-bob','m4',NULL,'{"from": null, "to": "held", "reason": "loop", "sender": "ann", "kind": "work", "re": null}');
INSERT INTO "events" VALUES(8,1700000000000,'accepted','bob','codex-bob','m5',NULL,'{"from": null, "to": "queued", "reason": null, "sender": "ann", "kind": "work", "re": null}');
INSERT INTO "events" VALUES(9,1700000000000,'leased','bob','claude-bob','m1','s1','{"from": "queued", "to": "leased", "reason": null, "attempt": 1}');
INSERT INTO "events" VALUES(10,1700000000000,'typed','bob','claude-bob','m1','s1','{}');
INSERT INTO "events" VALUES(11,1700000000000,'delivered','bob','claude-bob','m1','s1','{"from": "leased", "to": "running", "reason": null, "attempt": 1}');
INSERT INTO "events" VALUES(12,1700000000000,'marked','bob','claude-bob',NULL,NULL,'{"mark": "armed", "why": "message"}');
INSERT INTO "events" VALUES(13,1700000000000,'marked','bob','claude-bob',NULL,NULL,'{"mark": "fresh"}');
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
INSERT INTO "inbox" VALUES(1,'m1','claude-bob','bob','running',NULL,1,'s1','{"path": null, "offset": 0}',1700000000000,NULL,NULL,0,NULL,NULL,1700000000000,1700000000000);
INSERT INTO "inbox" VALUES(2,'m2','claude-bob','bob','queued',NULL,1,NULL,NULL,NULL,NULL,NULL,1,NULL,NULL,1700000000000,1700000000000);
INSERT INTO "inbox" VALUES(3,'m3','claude-bob','bob','queued',NULL,1,NULL,NULL,NULL,NULL,NULL,2,NULL,NULL,1700000000000,1700000000000);
INSERT INTO "inbox" VALUES(4,'m4','claude-bob','bob','held','loop',1,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,1700000000000,1700000000000);
INSERT INTO "inbox" VALUES(5,'m5','codex-bob','bob','queued',NULL,1,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,1700000000000,1700000000000);
CREATE TABLE marks (
  identity TEXT NOT NULL,
  mark TEXT NOT NULL,
  personality TEXT NOT NULL,
  set_ms INTEGER NOT NULL,
  PRIMARY KEY (identity, mark)
) WITHOUT ROWID;
INSERT INTO "marks" VALUES('claude-bob','armed','bob',1700000000000);
INSERT INTO "marks" VALUES('claude-bob','fresh','bob',1700000000000);
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
INSERT INTO "messages" VALUES('m1','ann','codex','artificial','bob','work',NULL,NULL,X'746865207461736B','[]',NULL,'',1700000000000,1);
INSERT INTO "messages" VALUES('m2','ann','codex','artificial','bob','work',NULL,NULL,X'746865206E657874','[]',NULL,'',1700000000000,1);
INSERT INTO "messages" VALUES('m3','ann','codex','artificial','bob','result',NULL,'q1',X'616E20616E73776572','[]',NULL,'',1700000000000,0);
INSERT INTO "messages" VALUES('m4','ann','codex','artificial','bob','work',NULL,NULL,X'746F6F2066617374','[]',NULL,'',1700000000000,0);
INSERT INTO "messages" VALUES('m5','ann','codex','artificial','bob','work',NULL,NULL,X'666F7220636F646578','[]',NULL,'',1700000000000,0);
CREATE TABLE peers (
  personality TEXT PRIMARY KEY,
  folder TEXT NOT NULL UNIQUE,
  stopped INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "peers" VALUES('ann','/work/ann',0,1700000000000);
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
, topics TEXT NOT NULL DEFAULT '[]');
INSERT INTO "sessions" VALUES('s1','claude-bob','bob','fresh','ephemeral-policy',NULL,NULL,'/work/bob',NULL,NULL,NULL,NULL,NULL,1700000000000,NULL,NULL,NULL,NULL,NULL,NULL,'hash-s1',0,'[]');
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tally (
  identity TEXT NOT NULL,
  state TEXT NOT NULL,
  amount INTEGER NOT NULL,
  PRIMARY KEY (identity, state)
) WITHOUT ROWID;
INSERT INTO "tally" VALUES('claude-bob','held',1);
INSERT INTO "tally" VALUES('claude-bob','leased',0);
INSERT INTO "tally" VALUES('claude-bob','queued',2);
INSERT INTO "tally" VALUES('claude-bob','running',1);
INSERT INTO "tally" VALUES('codex-bob','queued',1);
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
INSERT INTO "sqlite_sequence" VALUES('events',13);
INSERT INTO "sqlite_sequence" VALUES('inbox',5);
COMMIT;
PRAGMA application_id=1767993445;
PRAGMA user_version=3;
