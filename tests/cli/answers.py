"""Canned answers in the shapes of docs/http-api.md."""

from __future__ import annotations

import time
from typing import Any

T0 = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC


def runtime_of(peer: str, runtime: str = "claude", **changes: Any) -> dict[str, Any]:
    return {
        "runtime": runtime,
        "identity": f"{runtime}-{peer}",
        "status": "asleep",
        "activity": None,
        "blocked_on": None,
        "attached": False,
        "refresh": False,
        "topics": [],
        "session": None,
        "pid": None,
        "socket": f"/s/{runtime}-{peer}.sock",
        **changes,
    }


def peer(name: str = "alice", **changes: Any) -> dict[str, Any]:
    return {
        "personality": name,
        "description": "reviews code",
        "intelligence": "artificial",
        "default_runtime": "claude",
        "cwd": f"/srv/{name}",
        "wake_policy": "warm",
        "managed_by": "iapeer",
        "queue_depth": 0,
        "last_active_ms": None,
        "runtimes": [runtime_of(name)],
        **changes,
    }


def fleet() -> dict[str, Any]:
    now = int(time.time() * 1000)
    busy = runtime_of("alice", status="live", activity="busy", attached=True, session="s1", pid=42)
    asked = runtime_of(
        "bob",
        "codex",
        status="live",
        activity="blocked",
        blocked_on={"reason": "permission", "text": "", "until": None},
    )
    return {
        "api": 1,
        "peers": [
            peer("alice", runtimes=[busy, runtime_of("alice", "codex")], queue_depth=2, last_active_ms=now - 9_000_000),
            peer("bob", default_runtime="codex", runtimes=[asked], cwd="/srv/with space/bob"),
        ],
    }


SENT: dict[str, Any] = {
    "id": "019a",
    "to": {"personality": "alice", "runtime": "claude"},
    "outcome": "delivered",
    "reason": None,
    "state": "running",
    "depth": 0,
    "woke": False,
    "session": "s1",
    "attempt": 1,
    "took_ms": 640.4,
    "reply": None,
}
REPLY: dict[str, Any] = {
    "id": "019b",
    "from": "alice",
    "body": "Port 8080.\nNothing else.",
    "attachments": ["/s/attached/ab/notes.txt"],
    "created_ms": T0 + 2000,
}
ANSWERED: dict[str, Any] = {**SENT, "state": "done", "took_ms": 12_000.0, "reply": REPLY}
ROW: dict[str, Any] = {
    "seq": 1,
    "message": "019a",
    "identity": "claude-alice",
    "from": "operator",
    "state": "queued",
    "reason": "busy",
    "attempt": 1,
    "session": None,
    "outcome": None,
    "error": None,
    "created_ms": T0,
    "updated_ms": T0,
    "preview": "hello there",
}
SESSION: dict[str, Any] = {
    "id": "s1",
    "identity": "claude-alice",
    "mode": "fresh",
    "cause": "first-wake",
    "conversation": None,
    "pid": 42,
    "started_ms": T0,
    "ready_ms": T0,
    "ended_ms": None,
    "end_cause": None,
    "exit_code": None,
    "signal": None,
    "last_screen": None,
}


def event(seq: int, ev: str, **more: Any) -> dict[str, Any]:
    common = {"personality": "alice", "identity": "claude-alice", "message": "019a", "session": None}
    return {"seq": seq, "ts": T0 + seq, "ev": ev, **common, **more}


MESSAGE: dict[str, Any] = {
    "message": {
        "id": "019a",
        "from": "operator",
        "to": "alice",
        "kind": "work",
        "topic": "release",
        "re": None,
        "body": "hello there\nsecond line \x1b[31mred",
        "created_ms": T0,
    },
    "row": {**ROW, "state": "running", "reason": None},
    "events": [event(1, "accepted"), event(640, "delivered", attempt=1, took="0.64 s")],
}
ANSWERED_MESSAGE: dict[str, Any] = {
    "message": {
        **MESSAGE["message"],
        "asks": True,
        "urgent": True,
        "attachments": ["/s/a.png", "/s/b.png"],
        "key": "cli-01",
        "at_ms": T0 + 60_000,
        "expires_ms": T0 + 120_000,
    },
    "row": {**ROW, "state": "done", "reason": None},
    "events": [*MESSAGE["events"], event(900, "answered", reply="019b")],
    "reply": REPLY,
    "replies": [{"id": "019b", "from": "alice", "kind": "result", "created_ms": T0 + 2000}],
}
STATUS: dict[str, Any] = {
    "version": "0.1.0",
    "api": 1,
    "daemon": {
        "pid": 7,
        "socket": "/s/daemon.sock",
        "tcp": "127.0.0.1:8765",
        "uptime_s": 7300.5,
        "managed_by": "iapeer",
    },
    "store": "/s/iapeer.db",
    "peers": {"live": 1, "asleep": 2, "failing": 0},
    "inbox": {"queued": 3},
}
RUNTIME: dict[str, Any] = {
    "name": "claude",
    "title": "Claude Code",
    "checked": ["2.1.197", "2.1.198"],
    "intelligence": "artificial",
    "path": "/a/claude.toml",
    "origin": "bundled",
    "binary": None,
    "version": None,
    "warning": "not checked with this version",
}
SCREEN: dict[str, Any] = {
    "identity": "claude-alice",
    "session": "s1",
    "text": "> hello\n\x1b[2J\u009b31mstill here\n\n",
}
VERB: dict[str, Any] = {"identity": "claude-alice", "status": "live", "activity": "idle", "session": "s1"}
