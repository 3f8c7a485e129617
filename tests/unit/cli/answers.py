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
        "armed": False,
        "topics": [],
        "task": None,
        "waiting": 0,
        "held": 0,
        "held_by": None,
        "last_wake": None,
        "last_end": None,
        "last_active_ms": None,
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
        "unconfirmed": [],
        **changes,
    }


RUNTIME_TERMS: dict[str, Any] = {
    "runtime": "claude", "args": [], "variables": [], "program": "/bin/claude", "own_adapter": False,
}  # fmt: skip


def confirmed(**changes: Any) -> dict[str, Any]:
    terms = {"permissions": "default", "initial_prompt": "", "intelligence": "artificial", "runtimes": [RUNTIME_TERMS]}
    return {**terms, **changes}


def made(there: dict[str, Any], **changes: Any) -> dict[str, Any]:
    said = {"confirmed": confirmed(), "terms": "d1", "differs": [], "unseen": []}
    more = {**said, "trusts": True, "taken": [], "warning": None}
    return {"peer": there, "created": True, **more, **changes}


def woken(cause: str = "first-wake", mode: str = "fresh", at_ms: int = T0) -> dict[str, Any]:
    return {"mode": mode, "cause": cause, "at_ms": at_ms, "ready_ms": at_ms + 500, "took": True}


def gone(cause: str, at_ms: int = T0, **more: Any) -> dict[str, Any]:
    return {"cause": cause, "at_ms": at_ms, "exit_code": None, "signal": None, **more}


def task(preview: str = "hello there", **more: Any) -> dict[str, Any]:
    return {"id": "019a", "from": "operator", "state": "running", "attempt": 1, "preview": preview, **more}


def outlook(whose: str, mode: str, cause: str, runtime: str = "claude") -> dict[str, Any]:
    return {"runtime": runtime, "whose": whose, "mode": mode, "cause": cause}


def _live(now: int) -> dict[str, Any]:
    return {"status": "live", "session": "s1", "pid": 42, "last_wake": woken(), "last_active_ms": now}


def fleet() -> dict[str, Any]:
    """Two peers that live; one of them could also run as another."""
    live = _live(int(time.time() * 1000) + 3_600_000)
    busy = runtime_of("alice", **live, activity="busy", attached=True, task=task(), waiting=2)
    asked = runtime_of(
        "bob", "codex", **live, activity="blocked", blocked_on={"reason": "permission", "text": "", "until": None}
    )
    return {
        "api": 1,
        "peers": [
            peer("alice", runtimes=[busy, runtime_of("alice", "codex")], queue_depth=2),
            peer("bob", default_runtime="codex", runtimes=[asked], cwd="/srv/with space/bob"),
        ],
    }


def many() -> dict[str, Any]:
    """One of each: live ones and why, sleeping ones and why, workers, and what waits."""
    now = int(time.time() * 1000)
    live = _live(now + 3_600_000)  # so that it has been idle for no minute when it is looked at, whenever that is
    hours, days = now - 9_000_000, 3 * 86_400_000
    guard = {"reason": "guard", "text": "exit code 3", "until": now + days + 9_000_000}
    idle = {**live, "activity": "idle"}
    found = [
        runtime_of("carl", **{**idle, "last_active_ms": hours, "refresh": True}),
        runtime_of("dora", **{**live, "activity": "busy", "last_wake": {**woken(), "ready_ms": None, "took": False}}),
        runtime_of("parked", last_wake=woken(), last_end=gone("parked", hours), topics=["a", "b"]),
        runtime_of("died", last_wake=woken(), last_end=gone("exit", hours, signal=9)),
        runtime_of("reaped", last_wake=woken(), last_end=gone("reaped", hours)),
        runtime_of("kept", status="stopped", last_end=gone("stop"), waiting=3, held=3, held_by="stopped"),
        runtime_of("fails", status="failing", waiting=2, held=1, held_by="guard", blocked_on=guard),
        runtime_of("works", **live, activity="busy", task=task("Look at the second file of it"), waiting=3),
        runtime_of("ends", **idle, armed=True, attached=True, waiting=3, held=3, held_by="attached"),
        runtime_of("failed", **idle, waiting=2),
        runtime_of("rises", last_wake=woken(), waiting=1),
    ]
    names = [str(one["identity"]).partition("-")[2] for one in found]
    policies = ["ephemeral" if name in ("works", "ends", "failed") else "warm" for name in names]
    peers = [
        peer(name, runtimes=[one], wake_policy=policy) for name, one, policy in zip(names, found, policies, strict=True)
    ]
    return {"api": 1, "peers": [*fleet()["peers"], *peers]}


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
    "retried": None,
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
    "checked": [">=2.1.197 <=2.1.198"],
    "versions": [{"range": ">=2.1.198", "differs": ["doctrine.args"], "applies": False}],
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
