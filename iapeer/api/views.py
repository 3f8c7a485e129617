"""The shapes of answers. They are stable: fields are added, never changed (docs/http-api.md)."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Any

from iapeer import __version__
from iapeer.actors.actor import Actor
from iapeer.actors.control import REFRESH
from iapeer.daemon.fleet import UNTYPED, Fleet
from iapeer.model.errors import PeerError
from iapeer.model.names import identity
from iapeer.model.states import WAITING, State
from iapeer.peers.profile import BUILT_POLICIES
from iapeer.peers.registry import Known
from iapeer.runtimes.load import Loaded
from iapeer.store import Row, Session

API = 1
_PREVIEW = 60
STARTED = time.monotonic()


def peer(fleet: Fleet, known: Known) -> dict[str, Any]:
    """PEER."""
    profile = known.profile
    runtimes = profile.runtimes if profile else []
    entries = [_runtime(fleet, known, name) for name in runtimes]
    policy = profile.wake_policy if profile and profile.wake_policy in BUILT_POLICIES else "warm"
    return {
        "personality": known.personality,
        "description": profile.description if profile else "",
        "intelligence": profile.intelligence if profile else None,
        "default_runtime": profile.default_runtime if profile else None,
        "cwd": str(known.folder),
        "wake_policy": policy,
        "managed_by": "iapeer",
        "queue_depth": sum(fleet.site.store.depth(entry["identity"]) for entry in entries),
        "last_active_ms": max((entry.pop("last_ms") or 0 for entry in entries), default=0) or None,
        "runtimes": entries,
        "problem": str(known.problem) if known.problem else None,
    }


def _runtime(fleet: Fleet, known: Known, runtime: str) -> dict[str, Any]:
    who = identity(runtime, known.personality)
    at = fleet.actor(who).at
    running = at.running
    activity, reason = at.activity() if running else (None, None)
    last = fleet.site.store.last_session(who)
    return {
        "runtime": runtime,
        "identity": who,
        "status": status_of(fleet.actor(who), known.record.stopped),
        "activity": activity,
        "blocked_on": _blocked(fleet.actor(who), reason),
        "attached": at.people > 0,
        "refresh": REFRESH in fleet.site.store.marks(who),
        "topics": last.topics_list if last else [],
        "session": running.id if running else None,
        "pid": running.pid if running else None,
        "socket": str(fleet.site.layout.tmux_socket(who)),
        "last_ms": _last_ms(last, running.turn.last_ms if running else None),
    }


def status_of(actor: Actor, stopped: bool) -> str:
    """live | stopped | failing | asleep."""
    at = actor.at
    if at.running is not None:
        return "live"
    if stopped:
        return "stopped"
    return "failing" if at.backoff.failures else "asleep"


def _blocked(actor: Actor, reason: str | None) -> dict[str, Any] | None:
    at = actor.at
    if at.running is None and at.backoff.failures:
        return {"reason": "launch-failed", "text": at.backoff.error, "until": None}
    if reason is None or at.sight is None:
        return None
    reset = at.sight.turn.reset if reason == "quota" else None
    return {"reason": reason, "text": at.sight.screen.tail(), "until": reset * 1000 if reset else None}


def _last_ms(last: Session | None, turn_ms: int | None) -> int | None:
    times = [turn_ms, last.ended_ms if last else None, last.started_ms if last else None]
    return max((when for when in times if when is not None), default=None)


def row(fleet: Fleet, found: Row) -> dict[str, Any]:
    """ROW. The reason of a row that waits is what holds it up right now."""
    reason = fleet.waits_for(found) if found.state in WAITING else found.reason
    return {
        "seq": found.seq, "message": found.message, "identity": found.identity, "from": found.sender,
        "state": found.state, "reason": reason, "attempt": found.attempt, "session": found.session,
        "outcome": found.outcome, "error": found.error, "created_ms": found.created_ms,
        "updated_ms": found.updated_ms, "preview": _preview(found.body),
    }  # fmt: skip


def _preview(body: str) -> str:
    first = body.strip().split("\n", 1)[0]
    return "".join(char for char in first if char.isprintable())[:_PREVIEW]


def message(fleet: Fleet, found: Row) -> dict[str, Any]:
    """The answer of GET /messages/ID."""
    store = fleet.site.store
    return {
        "message": {
            "id": found.message, "from": found.sender, "to": found.to, "kind": found.kind, "topic": found.topic,
            "re": found.re, "asks": found.asks, "attachments": list(found.attachments), "key": found.key,
            "urgent": found.priority > 0, "at_ms": found.not_before_ms, "expires_ms": found.expires_ms,
            "body": found.body, "created_ms": found.created_ms,
        },
        "row": row(fleet, found),
        "reply": reply(store.reply_to(found)),
        "replies": [
            {"id": one.message, "from": one.sender, "kind": one.kind, "created_ms": one.created_ms}
            for one in store.replies(found.message)
        ],
        "events": [event.flat() for event in store.events(message=found.message)],
    }  # fmt: skip


def reply(found: Row | None) -> dict[str, Any] | None:
    """REPLY."""
    if found is None:
        return None
    return {
        "id": found.message, "from": found.sender, "body": found.body, "attachments": list(found.attachments),
        "created_ms": found.created_ms,
    }  # fmt: skip


def sent(
    fleet: Fleet, found: Row, took_s: float, woke: bool, wait: str | None = None, answer: Row | None = None
) -> dict[str, Any]:
    """SENT."""
    outcome, reason = _outcome(fleet, found)
    runtime, _, _ = found.identity.partition("-")
    if wait == "reply" and answer is None and found.state is State.DONE:
        reason = "no-reply"
    return {
        "id": found.message,
        "to": {"personality": found.to, "runtime": runtime},
        "outcome": outcome,
        "reason": reason,
        "state": found.state,
        "depth": fleet.site.store.depth(found.identity),
        "woke": woke,
        "session": found.session,
        "attempt": found.attempt,
        "took_ms": round(took_s * 1000, 1),
        "reply": reply(answer),
        "detail": fleet.actor(found.identity).at.backoff.error if reason == "backoff" else None,
    }


def _outcome(fleet: Fleet, found: Row) -> tuple[str, str | None]:
    if found.state in WAITING:
        return "queued", fleet.waits_for(found)
    if found.outcome in UNTYPED:
        return "queued", found.outcome
    if fleet.delivered(found):
        return "delivered", found.error
    if found.state is State.LEASED:
        return "queued", "typing"
    if found.state is State.STRANDED:
        return "stranded", found.reason
    return "unknown", found.error or found.reason


def session(found: Session) -> dict[str, Any]:
    """SESSION."""
    names = (
        "id", "identity", "mode", "cause", "conversation", "pid", "started_ms", "ready_ms", "ended_ms", "end_cause",
        "exit_code", "signal", "last_screen",
    )  # fmt: skip
    return {name: getattr(found, name) for name in names}


def status(fleet: Fleet, tcp: str | None, deaf: list[str]) -> dict[str, Any]:
    """The answer of GET /status. `deaf`: the identities that call another port than `tcp`."""
    site = fleet.site
    entries = [entry for known in fleet.registry.all() for entry in peer(fleet, known)["runtimes"]]
    return {
        "version": __version__,
        "api": API,
        "daemon": {
            "pid": os.getpid(),
            "socket": str(site.layout.daemon_socket()),
            "tcp": tcp,
            "deaf": deaf,
            "uptime_s": round(time.monotonic() - STARTED, 1),
            "managed_by": "iapeer",
        },
        "store": str(site.layout.database),
        "peers": dict(Counter(entry["status"] for entry in entries)),
        "inbox": site.store.counts(),
    }


async def runtime(fleet: Fleet, loaded: Loaded) -> dict[str, Any]:
    """RUNTIME."""
    adapter = loaded.adapter
    try:
        program = await fleet.site.probe.program(adapter, fleet.site.env)
        found = {"binary": program.path, "version": program.version, "warning": program.warning}
    except PeerError as error:
        found = {"binary": None, "version": None, "warning": str(error)}
    return {
        "name": adapter.name, "title": adapter.title, "checked": adapter.checked,
        "intelligence": adapter.intelligence, "path": str(loaded.path), "origin": loaded.origin, **found,
    }  # fmt: skip
