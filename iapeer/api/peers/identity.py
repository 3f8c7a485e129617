"""One runtime of a peer: an identity, how it is, and what waits for it."""

from __future__ import annotations

from typing import Annotated, cast

from typing_extensions import TypedDict

from iapeer.actors.status import IdentityStatus
from iapeer.api.fields import (
    Activity,
    From,
    Identity,
    MaybeMillis,
    MaybeSession,
    MessageId,
    Millis,
    Mode,
    Status,
    closed,
    means,
)
from iapeer.api.messages.row import preview
from iapeer.fleet.fleet import Fleet
from iapeer.model.causes import BlockedReason, EndCause
from iapeer.model.names import identity
from iapeer.model.states import State
from iapeer.peers.registry import RegisteredPeer
from iapeer.store import ARMED, REFRESH, STOPPED, IdentityRecord, InFlight, SessionRecord


@closed
class BlockedOn(TypedDict):
    """What keeps a runtime of a peer from working."""

    reason: Annotated[str, means("guard, launch-failed, unreachable, login, quota, dialog, draft, ...")]
    text: Annotated[str | None, means("the end of its screen, or what it died of")]
    until: Annotated[int | None, means("when it is tried again, or its quota is full: ms since 1970; null: unknown")]


@closed
class Task(From):
    """The message that an identity is at."""

    id: MessageId
    state: State
    attempt: Annotated[int, means("which try this is, counted from 1")]
    preview: Annotated[str, means("the first 60 characters of its first line")]


@closed
class Woken(TypedDict):
    """How the last session began."""

    mode: Mode
    cause: Annotated[str, means("why it was launched")]
    at_ms: Millis
    ready_ms: Annotated[int | None, means("when it first took input, milliseconds since 1970; null: it has not")]
    took: Annotated[bool, means("whether a message was typed into it")]


@closed
class Gone(TypedDict):
    """How the last session ended."""

    cause: Annotated[str, means("why it ended")]
    at_ms: Millis
    exit_code: Annotated[int | None, means("the agent's exit code")]
    signal: Annotated[int | None, means("the signal that ended the agent")]


@closed
class PeerRuntime(TypedDict):
    """One runtime of a peer: an identity."""

    runtime: Annotated[str, means("an agent program's name")]
    identity: Identity
    status: Status
    activity: Activity
    blocked_on: BlockedOn | None
    attached: Annotated[bool, means("whether a person looks at it")]
    refresh: Annotated[bool, means("whether its next natural wake is to be a fresh session")]
    armed: Annotated[bool, means("whether its live session has given its task's result, and ends once it is quiet")]
    topics: Annotated[list[str], means("what its last session's messages were about, the newest last")]
    task: Annotated[Task | None, means("the message that it is at; null: none is in flight")]
    waiting: Annotated[int, means("how many messages are in line, the held ones too")]
    held: Annotated[int, means("how many of those are held")]
    held_by: Annotated[str | None, means("the cause of a held one: stopped, attached, loop, guard, ...; null: none is")]
    last_wake: Annotated[Woken | None, means("how its last session began; null: it never had one")]
    last_end: Annotated[Gone | None, means("how its last session ended; null: it lives, or there was none")]
    last_active_ms: MaybeMillis
    session: MaybeSession
    pid: Annotated[int | None, means("the agent's process; null: it does not live")]
    socket: Annotated[str, means("the path of its tmux server's socket")]


def identities_of(fleet: Fleet, known: RegisteredPeer) -> list[str]:
    """The identities of a peer; those that are live, where the profile cannot tell which there are."""
    if known.profile is None:
        return fleet.live_identities(known)
    return [identity(name, known.personality) for name in known.profile.runtimes]


def runtime_answer(fleet: Fleet, known: RegisteredPeer, who: str, record: IdentityRecord) -> PeerRuntime:
    """The answer about one identity; `record` is what the store has of it."""
    status, last = fleet.status(who), record.last
    session, stopped = status.session, known.record.stopped or STOPPED in record.marks
    return {
        "runtime": status.runtime,
        "identity": who,
        "status": status_word(status, stopped),
        "activity": "blocked" if status.unreachable and session is None else activity_word(status),
        "blocked_on": _blocked(status, stopped, fleet.context.now_ms()),
        "attached": session is not None and session.people > 0,
        "refresh": REFRESH in record.marks,
        "armed": session is not None and ARMED in record.marks,
        "topics": last.topics_list if last else [],
        "task": _task(record.task),
        "waiting": record.depth,
        "held": record.held,
        "held_by": record.held_by,
        "last_wake": _woken(record),
        "last_end": _gone(last),
        "last_active_ms": _last_ms(last, session.turn_ms if session else None),
        "session": session.id if session else None,
        "pid": session.pid if session else None,
        "socket": str(fleet.context.layout.tmux_socket(who)),
    }


def _task(task: InFlight | None) -> Task | None:
    if task is None:
        return None
    return {
        "id": task.message, "from": task.sender, "state": task.state, "attempt": task.attempt,
        "preview": preview(task.start),
    }  # fmt: skip


def _woken(record: IdentityRecord) -> Woken | None:
    last = record.last
    if last is None:
        return None
    return {
        "mode": cast("Mode", last.mode), "cause": last.cause, "at_ms": last.started_ms, "ready_ms": last.ready_ms,
        "took": record.took,
    }  # fmt: skip


def _gone(last: SessionRecord | None) -> Gone | None:
    if last is None or last.ended_ms is None:
        return None
    cause = last.end_cause or EndCause.UNKNOWN
    return {"cause": cause, "at_ms": last.ended_ms, "exit_code": last.exit_code, "signal": last.signal}


def status_word(status: IdentityStatus, stopped: bool) -> Status:
    """How an identity is, in one word; `stopped`: a person keeps it down."""
    if status.lives:
        return "live"
    if stopped:
        return "stopped"
    return "failing" if status.guarded_s is not None or status.failed is not None else "asleep"


def activity_word(status: IdentityStatus) -> Activity:
    """What an identity's session does; None: there is none."""
    return cast("Activity", status.session.activity if status.session else None)


def _blocked(status: IdentityStatus, stopped: bool, now_ms: int) -> BlockedOn | None:
    session = status.session
    if status.unreachable is not None:
        return {"reason": BlockedReason.UNREACHABLE, "text": status.unreachable, "until": None}
    if session is None and not stopped and status.guarded_s is not None:
        again = now_ms + round(status.guarded_s * 1000)
        return {"reason": BlockedReason.GUARD, "text": status.died_of, "until": again}
    if session is None and status.failed is not None:
        return {"reason": BlockedReason.LAUNCH_FAILED, "text": status.failed, "until": None}
    if session is None or session.why is None or session.seen is None:
        return None
    until = session.quota_until_ms if session.why == BlockedReason.QUOTA else 0
    return {"reason": session.why, "text": session.screen(), "until": until or None}


def _last_ms(last: SessionRecord | None, turn_ms: int | None) -> int | None:
    times = [turn_ms, last.ended_ms if last else None, last.started_ms if last else None]
    return max((when for when in times if when is not None), default=None)
