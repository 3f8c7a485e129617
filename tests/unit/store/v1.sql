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
INSERT INTO "events" VALUES(3,1700000000000,'peer_stopped','ann',NULL,NULL,NULL,'{}');
INSERT INTO "events" VALUES(4,1700000000000,'session_opened','bob','claude-bob',NULL,'s1','{"mode": "fresh", "cause": "first-wake"}');
INSERT INTO "events" VALUES(5,1700000000000,'accepted','bob','claude-bob','m1',NULL,'{"from": null, "to": "queued", "reason": null, "sender": "ann", "kind": "work"}');
INSERT INTO "events" VALUES(6,1700000000000,'accepted','bob','claude-bob','m2',NULL,'{"from": null, "to": "queued", "reason": null, "sender": "ann", "kind": "work"}');
INSERT INTO "events" VALUES(7,1700000000000,'accepted','ann','codex-ann','m3',NULL,'{"from": null, "to": "held", "reason": "stopped", "sender": "bob", "kind": "work"}');
INSERT INTO "events" VALUES(8,1700000000000,'leased','bob','claude-bob','m1','s1','{"from": "queued", "to": "leased", "reason": null, "attempt": 1}');
INSERT INTO "events" VALUES(9,1700000000000,'typed','bob','claude-bob','m1','s1','{}');
INSERT INTO "events" VALUES(10,1700000000000,'delivered','bob','claude-bob','m1','s1','{"from": "leased", "to": "running", "reason": null, "attempt": 1}');
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
INSERT INTO "inbox" VALUES(1,'m1','claude-bob','bob','running',NULL,1,'s1','{"size":7}',1700000000000,NULL,NULL,0,NULL,NULL,1700000000000,1700000000000);
INSERT INTO "inbox" VALUES(2,'m2','claude-bob','bob','queued',NULL,1,NULL,NULL,NULL,1700000001000,1900000000000,1,NULL,NULL,1700000000000,1700000000000);
INSERT INTO "inbox" VALUES(3,'m3','codex-ann','ann','held','stopped',1,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,1700000000000,1700000000000);
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
INSERT INTO "messages" VALUES('m1','ann','codex','artificial','bob','work','release',NULL,X'610062EDA08020E697A5E69CAC','["/a b"]','k','eb8d096789274f8c272222d216e412a96037dd6914361cd62a89b975b6edb881',1700000000000);
INSERT INTO "messages" VALUES('m2','ann','codex','artificial','bob','work',NULL,NULL,X'68656C6C6F','[]',NULL,'b2c8a82244a728f3072279b006a4c44ce576b33bb1744ae7a2d0938f8740e9b7',1700000000000);
INSERT INTO "messages" VALUES('m3','bob','codex','artificial','ann','work',NULL,NULL,X'68656C6C6F','[]',NULL,'5f53d9f740e2ee6d9001b74d07cb6b5ff4c648607548426702e7b60d439b8d4f',1700000000000);
CREATE TABLE peers (
  personality TEXT PRIMARY KEY,
  folder TEXT NOT NULL UNIQUE,
  stopped INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "peers" VALUES('ann','/work/ann',1,1700000000000);
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
);
INSERT INTO "sessions" VALUES('s1','claude-bob','bob','fresh','first-wake',NULL,NULL,'/work/bob',7,1.5,NULL,NULL,NULL,1700000000000,NULL,NULL,NULL,NULL,NULL,NULL,'hash-s1',0);
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "settings" VALUES('port','8765');
CREATE UNIQUE INDEX messages_key ON messages(sender, key) WHERE key IS NOT NULL;
CREATE INDEX inbox_personality ON inbox(personality);
CREATE INDEX inbox_live ON inbox(personality)
  WHERE state NOT IN ('done', 'failed', 'dead', 'cancelled', 'dropped', 'expired');
CREATE INDEX inbox_queued ON inbox(identity, priority DESC, seq) WHERE state = 'queued';
CREATE INDEX inbox_held ON inbox(identity) WHERE state = 'held';
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',10);
INSERT INTO "sqlite_sequence" VALUES('inbox',3);
COMMIT;
PRAGMA application_id=1767993445;
PRAGMA user_version=1;
