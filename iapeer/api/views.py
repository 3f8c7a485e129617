"""How answers are made of what the house knows: the shapes of `answers`."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Literal, cast

from iapeer import __version__
from iapeer.actors.actor import Actor
from iapeer.actors.guarding import GUARD, again_s
from iapeer.actors.resuming import talk_of
from iapeer.api import answers
from iapeer.daemon.fleet import UNREACHABLE, UNTYPED, Fleet
from iapeer.model.errors import PeerError
from iapeer.model.names import identity
from iapeer.model.states import WAITING, State
from iapeer.peers.profile import BUILT_POLICIES
from iapeer.peers.registry import Known, Problem
from iapeer.runtimes.load import Loaded
from iapeer.store import REFRESH, URGENT, Event, Row, Session

API: Literal[1] = 1
_PREVIEW = 60
STARTED = time.monotonic()


def peer(fleet: Fleet, known: Known) -> answers.Peer:
    """A peer."""
    profile = known.profile
    found = [_runtime(fleet, known, name) for name in (profile.runtimes if profile else _alive(fleet, known))]
    entries = [entry for entry, _ in found]
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
        "last_active_ms": max((last_ms for _, last_ms in found), default=0) or None,
        "runtimes": entries,
        "problem": str(known.problem) if known.problem else None,
    }


def _alive(fleet: Fleet, known: Known) -> list[str]:
    """The runtimes that are live, where the profile cannot tell which there are."""
    return [actor.at.runtime for actor in fleet.of(known) if actor.at.running is not None]


def _runtime(fleet: Fleet, known: Known, runtime: str) -> tuple[answers.PeerRuntime, int]:
    """(a peer's runtime, when it last did something: 0 for never)."""
    who = identity(runtime, known.personality)
    at = fleet.actor(who).at
    running = at.running
    doing, reason = at.activity() if running else ("blocked", None) if at.unreachable else (None, None)
    last = fleet.site.store.last_session(who)
    entry: answers.PeerRuntime = {
        "runtime": runtime,
        "identity": who,
        "status": status_of(fleet.actor(who), known.record.stopped),
        "activity": cast("answers.Activity", doing),
        "blocked_on": _blocked(fleet.actor(who), reason, known.record.stopped),
        "attached": at.people > 0,
        "refresh": REFRESH in fleet.site.store.marks(who),
        "topics": last.topics_list if last else [],
        "session": running.id if running else None,
        "pid": running.pid if running else None,
        "socket": str(fleet.site.layout.tmux_socket(who)),
    }
    return entry, _last_ms(last, running.turn.last_ms if running else None)


def status_of(actor: Actor, stopped: bool) -> answers.Status:
    """How an identity is."""
    at = actor.at
    if at.running is not None or at.unreachable is not None:
        return "live"
    if stopped:
        return "stopped"
    return "failing" if at.guard.holds(at.now()) or at.failed is not None else "asleep"


def activity_of(actor: Actor) -> answers.Activity:
    """What an identity's session does."""
    return cast("answers.Activity", actor.at.activity()[0] if actor.at.running else None)


def _blocked(actor: Actor, reason: str | None, stopped: bool) -> answers.BlockedOn | None:
    at = actor.at
    if at.unreachable is not None:
        return {"reason": UNREACHABLE, "text": at.unreachable, "until": None}
    if at.running is None and not stopped and at.guard.holds(at.now()):
        again = at.site.now_ms() + round(at.guard.left(at.now()) * 1000)
        return {"reason": GUARD, "text": at.guard.error, "until": again}
    if at.running is None and at.failed is not None:
        return {"reason": "launch-failed", "text": at.failed, "until": None}
    if reason is None or at.sight is None:
        return None
    reset = at.sight.turn.reset if reason == "quota" else None
    return {"reason": reason, "text": at.sight.screen.tail(), "until": reset * 1000 if reset else None}


def _last_ms(last: Session | None, turn_ms: int | None) -> int:
    times = [turn_ms, last.ended_ms if last else None, last.started_ms if last else None]
    return max((when for when in times if when is not None), default=0)


def row(fleet: Fleet, found: Row) -> answers.Row:
    """A row. The reason of a row that waits is what holds it up right now."""
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


def message(fleet: Fleet, found: Row) -> answers.MessagePath:
    """A message's path."""
    store = fleet.site.store
    return {
        "message": {
            "id": found.message, "from": found.sender, "to": found.to, "kind": found.kind, "topic": found.topic,
            "re": found.re, "asks": found.asks, "attachments": list(found.attachments), "key": found.key,
            "urgent": found.priority == URGENT, "at_ms": found.not_before_ms, "expires_ms": found.expires_ms,
            "body": found.body, "created_ms": found.created_ms,
        },
        "row": row(fleet, found),
        "reply": reply(store.reply_to(found)),
        "replies": [
            {"id": one.message, "from": one.sender, "kind": one.kind, "created_ms": one.created_ms}
            for one in store.replies(found.message)
        ],
        "events": [event(one) for one in store.events(message=found.message)],
    }  # fmt: skip


def event(found: Event) -> answers.Event:
    """An event, with the fields of its kind."""
    return cast("answers.Event", found.flat())


def reply(found: Row | None) -> answers.Reply | None:
    """An answer."""
    if found is None:
        return None
    return {
        "id": found.message, "from": found.sender, "body": found.body, "attachments": list(found.attachments),
        "created_ms": found.created_ms,
    }  # fmt: skip


def sent(
    fleet: Fleet, found: Row, took_s: float, woke: bool, wait: str | None = None, answer: Row | None = None
) -> answers.Sent:
    """What became of a message."""
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
        "detail": _held_up(fleet.actor(found.identity)) if reason == GUARD else None,
    }


def _held_up(actor: Actor) -> str:
    """When an identity that is left down is tried again, and what it died of."""
    at = actor.at
    return f"tried again in {again_s(at)} s, or at once on `iapeer start {at.personality}`: {at.guard.error}"


def _outcome(fleet: Fleet, found: Row) -> tuple[Literal["delivered", "queued", "stranded", "unknown"], str | None]:
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


def session(found: Session) -> answers.Session:
    """A session."""
    return {
        "id": found.id, "identity": found.identity, "mode": cast("Literal['fresh', 'resume']", found.mode),
        "cause": found.cause, "conversation": found.conversation, "pid": found.pid, "started_ms": found.started_ms,
        "ready_ms": found.ready_ms, "ended_ms": found.ended_ms, "end_cause": found.end_cause,
        "exit_code": found.exit_code, "signal": found.signal, "last_screen": found.last_screen,
    }  # fmt: skip


def lost(fleet: Fleet, known: Known) -> str | None:
    """Why a peer that sleeps cannot go on with what it last talked about, in its default runtime."""
    if known.profile is None:
        return None
    at = fleet.actor(identity(known.profile.default_runtime, known.personality)).at
    talk = talk_of(at)
    return talk.why if at.running is None and talk.lost else None


def status(fleet: Fleet, tcp: str | None, deaf: list[str]) -> answers.House:
    """The daemon, and counts. `deaf`: the identities that call another port than `tcp`."""
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


def finding(problem: Problem) -> answers.Finding:
    """Something that is wrong."""
    level = cast("Literal['error', 'warning']", problem.level)
    return {"personality": problem.personality, "level": level, "path": problem.path, "message": problem.message}


async def runtime(fleet: Fleet, loaded: Loaded) -> answers.RuntimeInfo:
    """An agent program."""
    adapter = loaded.adapter
    binary = version = None
    try:
        program = await fleet.site.probe.program(adapter, fleet.site.env)
        binary, version, warning = program.path, program.version, program.warning
    except PeerError as error:
        warning = str(error)
    return {
        "name": adapter.name, "title": adapter.title, "checked": adapter.checked,
        "intelligence": adapter.intelligence, "path": str(loaded.path), "origin": loaded.origin, "binary": binary,
        "version": version, "warning": warning,
    }  # fmt: skip
