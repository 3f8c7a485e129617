"""How answers are made of what the house knows: the shapes of `answers`."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, cast

from iapeer import __version__
from iapeer.actors import sleeping
from iapeer.actors.actor import Actor
from iapeer.actors.guarding import again_s
from iapeer.actors.resuming import talk_of
from iapeer.api import answers, household
from iapeer.api.connections import Gate
from iapeer.api.port import Port, Taken
from iapeer.fleet.fleet import Fleet
from iapeer.fleet.standing import UNREACHABLE, UNTYPED, is_delivered, waits_for
from iapeer.model.errors import PeerError
from iapeer.model.holds import HoldCause
from iapeer.model.names import identity
from iapeer.model.states import WAITING, State
from iapeer.peers.consent import brief
from iapeer.peers.profile import BUILT_POLICIES
from iapeer.peers.registry import Known, Problem
from iapeer.peers.trust import Looked
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.binary import find_binary
from iapeer.sessions import observation as observation
from iapeer.store import ARMED, REFRESH, STOPPED, URGENT, Event, IdentityRecord, InFlight, Row, SessionRecord

API: Literal[1] = 1
_PREVIEW = 60
STARTED = time.monotonic()


def peer(
    fleet: Fleet, known: Known, standings: Mapping[str, IdentityRecord] | None = None,
    looked: Looked | None = None,
) -> answers.Peer:  # fmt: skip
    """A peer. `standings`, `looked`: what is read or found of many peers at once."""
    profile = known.profile
    found = standings if standings is not None else fleet.context.store.statuses.of(identities_of(fleet, known))
    entries = [_runtime(fleet, known, who, found[who]) for who in identities_of(fleet, known)]
    policy = profile.wake_policy if profile and profile.wake_policy in BUILT_POLICIES else "warm"
    return {
        "personality": known.personality,
        "description": profile.description if profile else "",
        "intelligence": profile.intelligence if profile else None,
        "default_runtime": profile.default_runtime if profile else None,
        "cwd": str(known.folder),
        "wake_policy": policy,
        "managed_by": "iapeer",
        "queue_depth": sum(entry["waiting"] for entry in entries),
        "last_active_ms": max((entry["last_active_ms"] or 0 for entry in entries), default=0) or None,
        "runtimes": entries,
        "problem": str(known.problem) if known.problem else None,
        "unconfirmed": brief(fleet.registry.differences(known, looked)),
    }


def peers(fleet: Fleet) -> list[answers.Peer]:
    """All peers, in as many reads as for one."""
    everybody = fleet.registry.all()
    standings = fleet.context.store.statuses.of([who for known in everybody for who in identities_of(fleet, known)])
    looked = Looked()
    return [peer(fleet, known, standings, looked) for known in everybody]


def identities_of(fleet: Fleet, known: Known) -> list[str]:
    """The identities of a peer; those that are live, where the profile cannot tell which there are."""
    if known.profile is None:
        return [actor.at.identity for actor in fleet.of(known) if actor.at.running is not None]
    return [identity(name, known.personality) for name in known.profile.runtimes]


def _runtime(fleet: Fleet, known: Known, who: str, standing: IdentityRecord) -> answers.PeerRuntime:
    at = fleet.actor(who).at
    running, last = at.running, standing.last
    stopped = known.record.stopped or STOPPED in standing.marks
    doing, reason = at.activity() if running else ("blocked", None) if at.unreachable else (None, None)
    return {
        "runtime": at.runtime,
        "identity": who,
        "status": status_of(fleet.actor(who), stopped),
        "activity": cast("answers.Activity", doing),
        "blocked_on": _blocked(fleet.actor(who), reason, stopped),
        "attached": at.people > 0,
        "refresh": REFRESH in standing.marks,
        "armed": running is not None and ARMED in standing.marks,
        "topics": last.topics_list if last else [],
        "task": _task(standing.task),
        "waiting": standing.depth,
        "held": standing.held,
        "held_by": standing.held_by,
        "last_wake": _woken(standing),
        "last_end": _gone(last),
        "last_active_ms": _last_ms(last, running.turn.last_ms if running else None),
        "session": running.id if running else None,
        "pid": running.pid if running else None,
        "socket": str(fleet.context.layout.tmux_socket(who)),
    }


def _task(task: InFlight | None) -> answers.Task | None:
    if task is None:
        return None
    return {
        "id": task.message, "from": task.sender, "state": task.state, "attempt": task.attempt,
        "preview": _preview(task.start),
    }  # fmt: skip


def _woken(standing: IdentityRecord) -> answers.Woken | None:
    last = standing.last
    if last is None:
        return None
    return {
        "mode": cast("Literal['fresh', 'resume']", last.mode), "cause": last.cause, "at_ms": last.started_ms,
        "ready_ms": last.ready_ms, "took": standing.took,
    }  # fmt: skip


def _gone(last: SessionRecord | None) -> answers.Gone | None:
    if last is None or last.ended_ms is None:
        return None
    cause = last.end_cause or "unknown"
    return {"cause": cause, "at_ms": last.ended_ms, "exit_code": last.exit_code, "signal": last.signal}


def outlook(fleet: Fleet, known: Known) -> list[answers.Outlook]:
    """How messages would wake what does not live now."""
    actors = [fleet.actor(who) for who in identities_of(fleet, known)]
    asleep = [actor.at for actor in actors if status_of(actor, False) != "live"]
    return [
        {"runtime": at.runtime, "whose": cast("Any", whose), "mode": cast("Any", found.mode), "cause": found.cause}
        for at in asleep for whose, found in sleeping.outlook(at, known.sound(), talk_of(at)).items()
    ]  # fmt: skip


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
        again = at.context.now_ms() + round(at.guard.left(at.now()) * 1000)
        return {"reason": HoldCause.GUARD, "text": at.guard.error, "until": again}
    if at.running is None and at.failed is not None:
        return {"reason": "launch-failed", "text": at.failed, "until": None}
    if reason is None or at.observation is None:
        return None
    until = observation.quota_until_ms(at.observation.turn) if reason == "quota" else 0
    return {"reason": reason, "text": at.observation.screen.tail(), "until": until or None}


def _last_ms(last: SessionRecord | None, turn_ms: int | None) -> int | None:
    times = [turn_ms, last.ended_ms if last else None, last.started_ms if last else None]
    return max((when for when in times if when is not None), default=None)


def row(fleet: Fleet, found: Row) -> answers.Row:
    """A row. The reason of a row that waits is what holds it up right now."""
    reason = waits_for(fleet, found) if found.state in WAITING else found.reason
    return {
        "seq": found.seq, "message": found.message, "identity": found.identity, "from": found.sender,
        "state": found.state, "reason": reason, "attempt": found.attempt, "retried": _retried(fleet, found),
        "session": found.session,
        "outcome": found.outcome, "error": found.error, "created_ms": found.created_ms,
        "updated_ms": found.updated_ms, "preview": _preview(found.body),
    }  # fmt: skip


def _retried(fleet: Fleet, found: Row) -> str | None:
    """Why a message was not done with at the attempt before: its way back into the queue says so."""
    if found.attempt == 1:
        return None
    back = [one.data for one in fleet.context.store.events.page(message=found.message, kinds=("queued",))]
    reasons = [one.get("reason") for one in back if one.get("attempt") == found.attempt]
    return next((str(reason) for reason in reasons if reason is not None), None)


def _preview(body: str) -> str:
    first = body.strip().split("\n", 1)[0]
    return "".join(char for char in first if char.isprintable())[:_PREVIEW]


def message(fleet: Fleet, found: Row) -> answers.MessagePath:
    """A message's path."""
    store = fleet.context.store
    return {
        "message": {
            "id": found.message, "from": found.sender, "to": found.to, "kind": found.kind, "topic": found.topic,
            "re": found.re, "asks": found.asks, "attachments": list(found.attachments), "key": found.key,
            "urgent": found.priority == URGENT, "at_ms": found.not_before_ms, "expires_ms": found.expires_ms,
            "body": found.body, "created_ms": found.created_ms,
        },
        "row": row(fleet, found),
        "reply": reply(store.messages.reply_to(found)),
        "replies": [
            {"id": one.message, "from": one.sender, "kind": one.kind, "created_ms": one.created_ms}
            for one in store.messages.replies(found.message)
        ],
        "events": [event(one) for one in store.events.page(message=found.message)],
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
        "depth": fleet.context.store.inbox.depth(found.identity),
        "woke": woke,
        "session": found.session,
        "attempt": found.attempt,
        "took_ms": round(took_s * 1000, 1),
        "reply": reply(answer),
        "detail": _held_up(fleet.actor(found.identity)) if reason == HoldCause.GUARD else None,
    }


def _held_up(actor: Actor) -> str:
    """When an identity that is left down is tried again, and what it died of."""
    at = actor.at
    return f"tried again in {again_s(at)} s, or at once on `iapeer start {at.personality}`: {at.guard.error}"


def _outcome(fleet: Fleet, found: Row) -> tuple[Literal["delivered", "queued", "stranded", "unknown"], str | None]:
    if found.state in WAITING:
        return "queued", waits_for(fleet, found)
    if found.outcome in UNTYPED:
        return "queued", found.outcome
    if is_delivered(fleet, found):
        return "delivered", found.error or _asks(fleet, found)
    if found.state is State.LEASED:
        return "queued", "typing"
    if found.state is State.STRANDED:
        return "stranded", found.reason
    return "unknown", found.error or found.reason


def _asks(fleet: Fleet, row: Row) -> str | None:
    """What the agent asks a person in the middle of the message's turn; None: nothing."""
    at = fleet.actor(row.identity).at
    meant = row.state is State.RUNNING and at.running is not None and at.running.id == row.session
    return at.asks if meant else None


def session(found: SessionRecord) -> answers.Session:
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


def _stopped(fleet: Fleet) -> dict[str, bool]:
    """Every identity, and whether a person keeps it down."""
    marked = set(fleet.context.store.flags.identities_with(STOPPED))
    return {
        who: known.record.stopped or who in marked
        for known in fleet.registry.all() for who in identities_of(fleet, known)
    }  # fmt: skip


def status(
    fleet: Fleet, port: Port | None, taken: Taken | None, duties: list[household.DutyState], gates: Mapping[str, Gate]
) -> household.House:  # fmt: skip
    """The daemon, and counts. `taken`: who has the recorded port, if not `port` serves there."""
    context = fleet.context
    counted = Counter[str](status_of(fleet.actor(who), down) for who, down in _stopped(fleet).items())
    return {
        "version": __version__,
        "api": API,
        "daemon": {
            "pid": os.getpid(),
            "socket": str(context.layout.daemon_socket()),
            "tcp": port.address if port else None,
            "deaf": port.deaf() if port else [],
            "taken": taken,
            "certificate": str(context.layout.certificate),
            "unwatched": context.files.trouble,
            "uptime_s": round(time.monotonic() - STARTED, 1),
            "managed_by": "iapeer",
        },
        "store": str(context.layout.database),
        "peers": dict(counted),
        "inbox": context.store.inbox.counts(),
        "duties": duties,
        "connections": household.connections(gates),
    }


def finding(problem: Problem) -> answers.Finding:
    """Something that is wrong."""
    level = cast("Literal['error', 'warning']", problem.level)
    return {"personality": problem.personality, "level": level, "path": problem.path, "message": problem.message}


async def runtime(fleet: Fleet, name: str) -> answers.RuntimeInfo:
    """An agent program. One whose adapter was never confirmed is not run, not even for its version."""
    catalogue = fleet.registry.catalogue
    unconfirmed = catalogue.unconfirmed(name)
    loaded = unconfirmed or catalogue.get(name)
    adapter = loaded.adapter
    binary = version = None
    try:
        if unconfirmed is not None:
            binary = find_binary(adapter, fleet.context.env)
            catalogue.get(name)  # says why not
        program = await fleet.context.probe.program(adapter, fleet.context.env)
        binary, version, warning = program.path, program.version, program.warning
    except PeerError as error:
        warning = str(error)
    return {
        "name": adapter.name, "title": adapter.title, "checked": [str(one) for one in adapter.checked],
        "versions": for_versions(adapter, version), "intelligence": adapter.intelligence, "path": str(loaded.path),
        "origin": loaded.origin, "binary": binary, "version": version, "warning": warning,
    }  # fmt: skip


def broken_runtime(fleet: Fleet, name: str, error: PeerError) -> answers.RuntimeInfo:
    """The same of one whose adapter cannot be read."""
    path, origin = fleet.registry.catalogue.place(name)
    return {
        "name": name, "title": name, "checked": [], "versions": [], "intelligence": None, "path": str(path),
        "origin": origin, "binary": None, "version": None, "warning": str(error),
    }  # fmt: skip


def for_versions(adapter: Adapter, version: str | None) -> list[answers.ForVersions]:
    """What the adapter says otherwise for some versions; `version` is the installed program's."""
    used = adapter.for_version(version)
    return [
        {"range": str(variant.range), "differs": variant.differs, "applies": variant.adapter is used}
        for variant in adapter.versions
    ]


async def unchecked_programs(fleet: Fleet) -> list[Problem]:
    """The installed programs, of runtimes that peers have, whose version their adapter was not checked with."""
    profiles = [known.profile for known in fleet.registry.all() if known.profile is not None]
    problems = []
    for name in sorted({name for profile in profiles for name in profile.runtimes}):
        with contextlib.suppress(PeerError):  # what cannot be read or is not there, its peers' own problems tell
            adapter = fleet.registry.catalogue.get(name).adapter
            program = await fleet.context.probe.program(adapter, fleet.context.env)
            if program.warning is not None:
                problems.append(Problem("iapeer", "warning", program.path, program.warning))
    return problems
