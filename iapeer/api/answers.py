"""What is answered, as typed shapes: the dictionaries that the views build, and the schemas of the OpenAPI document.

They are stable: fields are added, never changed. Types of their own, and no models, because mypy holds every view to
them and an answer then costs no more than its JSON.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, with_config
from pydantic.fields import FieldInfo
from typing_extensions import TypedDict

from iapeer.model.states import State


def told(description: str) -> FieldInfo:
    """What a field means."""
    field: FieldInfo = Field(description=description)
    return field


Millis = Annotated[int, told("milliseconds since 1970")]
Maybe = Annotated[int | None, told("milliseconds since 1970; null: not (yet)")]
Name = Annotated[str, told("a peer's name")]
Identity = Annotated[str, told("RUNTIME-PEER")]
SessionId = Annotated[str, told("a session's id")]
MaySession = Annotated[str | None, told("a session's id; null: there is none")]
MessageId = Annotated[str, told("a message's id")]
Sender = Annotated[str, told("a peer's name, `operator` or `iapeer`")]
Path = Annotated[str, told("an absolute path")]
Warning = Annotated[str | None, told("what a person should know; null: nothing")]
Status = Annotated[Literal["live", "asleep", "stopped", "failing"], told("failing: it keeps dying, or cannot start")]
Activity = Annotated[Literal["idle", "busy", "blocked"] | None, told("of the live session; null: there is none")]
Nature = Literal["artificial", "natural", "absent"]
_closed = with_config(ConfigDict(extra="forbid"))
_open = with_config(ConfigDict(extra="allow"))


@_closed
class Problem(TypedDict):
    """What is wrong."""

    code: Annotated[str, told("a stable word for programs")]
    message: Annotated[str, told("one sentence for people: what is wrong, and what to do")]
    exit: Annotated[int, Field(description="the exit code of the command that asked", ge=1, le=6)]


@_closed
class Error(TypedDict):
    """The answer of everything that was not done."""

    error: Problem


# ---- peers


@_closed
class BlockedOn(TypedDict):
    """What keeps a runtime of a peer from working."""

    reason: Annotated[str, told("guard, launch-failed, unreachable, login, quota, dialog, draft, ...")]
    text: Annotated[str | None, told("the end of its screen, or what it died of")]
    until: Annotated[int | None, told("when it is tried again, or its quota is full: ms since 1970; null: unknown")]


_From = TypedDict("_From", {"from": Sender})  # not a name in Python


@_closed
class Task(_From):
    """The message that an identity is at."""

    id: MessageId
    state: State
    attempt: Annotated[int, told("which try this is, counted from 1")]
    preview: Annotated[str, told("the first 60 characters of its first line")]


@_closed
class Woken(TypedDict):
    """How the last session began."""

    mode: Annotated[Literal["fresh", "resume"], told("whether it began a conversation or went on with one")]
    cause: Annotated[str, told("why it was launched")]
    at_ms: Millis
    ready_ms: Annotated[int | None, told("when it first took input, milliseconds since 1970; null: it has not")]
    took: Annotated[bool, told("whether a message was typed into it")]


@_closed
class Gone(TypedDict):
    """How the last session ended."""

    cause: Annotated[str, told("why it ended")]
    at_ms: Millis
    exit_code: Annotated[int | None, told("the agent's exit code")]
    signal: Annotated[int | None, told("the signal that ended the agent")]


@_closed
class PeerRuntime(TypedDict):
    """One runtime of a peer: an identity."""

    runtime: Annotated[str, told("an agent program's name")]
    identity: Identity
    status: Status
    activity: Activity
    blocked_on: BlockedOn | None
    attached: Annotated[bool, told("whether a person looks at it")]
    refresh: Annotated[bool, told("whether its next natural wake is to be a fresh session")]
    armed: Annotated[bool, told("whether its live session has given its task's result, and ends once it is quiet")]
    topics: Annotated[list[str], told("what its last session's messages were about, the newest last")]
    task: Annotated[Task | None, told("the message that it is at; null: none is in flight")]
    waiting: Annotated[int, told("how many messages are in line, the held ones too")]
    held: Annotated[int, told("how many of those are held")]
    held_by: Annotated[str | None, told("the cause of a held one: stopped, attached, loop, guard, ...; null: none is")]
    last_wake: Annotated[Woken | None, told("how its last session began; null: it never had one")]
    last_end: Annotated[Gone | None, told("how its last session ended; null: it lives, or there was none")]
    last_active_ms: Maybe
    session: MaySession
    pid: Annotated[int | None, told("the agent's process; null: it does not live")]
    socket: Annotated[str, told("the path of its tmux server's socket")]


@_closed
class Peer(TypedDict):
    """A peer."""

    personality: Name
    description: Annotated[str, told("what it is for")]
    intelligence: Annotated[Nature | None, told("null: its profile cannot be read")]
    default_runtime: Annotated[str | None, told("null: its profile cannot be read")]
    cwd: Annotated[str, told("its folder")]
    wake_policy: Annotated[str, told("warm: one conversation; ephemeral: every message has a fresh session of its own")]
    managed_by: Annotated[Literal["iapeer"], told("who starts its sessions")]
    queue_depth: Annotated[int, told("how many messages wait for it")]
    last_active_ms: Maybe
    runtimes: list[PeerRuntime]
    problem: Annotated[str | None, told("what is wrong with its profile")]
    unconfirmed: Annotated[list[str], told("what its files say and does not count, for it was never confirmed")]


@_closed
class Peers(TypedDict):
    """All peers."""

    api: Annotated[Literal[1], told("the version of this API")]
    peers: list[Peer]


@_closed
class Changed(TypedDict):
    """A peer whose profile was changed."""

    peer: Peer
    changed: Annotated[list[str], told("the fields that are another now")]
    note: Annotated[str | None, told("when the change takes effect, if not at once")]


@_closed
class Warned(TypedDict):
    """A peer that was given a runtime, or moved."""

    peer: Peer
    warning: Warning


@_closed
class Removed(TypedDict):
    """A peer that is forgotten."""

    removed: Name
    cwd: Annotated[str, told("its folder, which stays")]


# ---- sessions


@_closed
class Session(TypedDict):
    """One launch of one agent, alive or over."""

    id: SessionId
    identity: Identity
    mode: Annotated[Literal["fresh", "resume"], told("whether it began a conversation or went on with one")]
    cause: Annotated[str, told("why it was launched")]
    conversation: Annotated[str | None, told("the agent's own id of its conversation")]
    pid: Annotated[int | None, told("the agent's process")]
    started_ms: Millis
    ready_ms: Maybe
    ended_ms: Maybe
    end_cause: Annotated[str | None, told("why it ended")]
    exit_code: Annotated[int | None, told("the agent's exit code")]
    signal: Annotated[int | None, told("the signal that ended the agent")]
    last_screen: Annotated[str | None, told("what its screen showed at the end")]


@_closed
class Outlook(TypedDict):
    """How a runtime that sleeps would be woken by a message."""

    runtime: Annotated[str, told("an agent program's name")]
    whose: Annotated[
        Literal["person", "agent", "old-topic", "new-topic"],
        told("a person's or an agent's without a topic; or one on a topic of the last session, or on another"),
    ]
    mode: Annotated[Literal["fresh", "resume"], told("whether it would begin a conversation or go on with its last")]
    cause: Annotated[str, told("why it would be launched so")]


@_closed
class Verb(TypedDict):
    """An identity after something was done to it."""

    identity: Annotated[str | None, told("RUNTIME-PEER; null: it never had a session")]
    status: Status
    activity: Activity
    session: MaySession


@_closed
class Compacted(Verb):
    """An identity whose conversation was compacted."""

    took_ms: Annotated[float, told("how long it took, milliseconds")]


@_closed
class Refreshed(Verb):
    """An identity whose next natural wake is a fresh session."""

    refresh: Literal[True]


@_closed
class View(TypedDict):
    """How a person gets to see a session."""

    identity: Identity
    session: SessionId
    woke: Annotated[bool, told("whether it slept")]
    argv: Annotated[list[str], told("the command that shows it")]


@_closed
class Screen(TypedDict):
    """What a session shows."""

    identity: Identity
    session: SessionId
    text: Annotated[str, told("the visible screen, without colours")]


# ---- messages


@_closed
class Row(_From):
    """Where a message to one identity stands."""

    seq: Annotated[int, told("its place in the inbox")]
    message: MessageId
    identity: Identity
    state: State
    reason: Annotated[str | None, told("what holds it up right now, or how it ended")]
    attempt: Annotated[int, told("how often it was typed")]
    retried: Annotated[str | None, told("how the attempt before this one ended; null: this is the first")]
    session: MaySession
    outcome: Annotated[str | None, told("how its turn ended")]
    error: Annotated[str | None, told("what went wrong")]
    created_ms: Millis
    updated_ms: Millis
    preview: Annotated[str, told("the first 60 characters of its first line")]


@_closed
class Inbox(TypedDict):
    """The messages of a peer."""

    rows: Annotated[list[Row], told("the newest 100, and the oldest 1000 that are not final; the newest last")]
    more: Annotated[int, told("how many that are not final are left out, for there are too many")]


@_closed
class Reply(_From):
    """An answer to a message."""

    id: MessageId
    body: Annotated[str, told("its text")]
    attachments: Annotated[list[str], told("paths of copies")]
    created_ms: Millis


@_closed
class ReplyHead(_From):
    """An answer to a message, without its text."""

    id: MessageId
    kind: Annotated[str, told("what it counts as")]
    created_ms: Millis


@_closed
class To(TypedDict):
    """Whom a message reaches."""

    personality: Name
    runtime: Annotated[str, told("an agent program's name")]


@_closed
class Sent(TypedDict):
    """What became of a message so far."""

    id: MessageId
    to: To
    outcome: Literal["delivered", "queued", "refused", "stranded", "unknown"]
    reason: Annotated[str | None, told("what it waits for, or what is in doubt")]
    state: State
    depth: Annotated[int, told("how many messages wait for the same identity")]
    woke: Annotated[bool, told("whether a session is started for it")]
    session: MaySession
    attempt: Annotated[int, told("how often it was typed")]
    took_ms: Annotated[float, told("how long this call took, milliseconds")]
    reply: Reply | None
    detail: Annotated[str | None, told("when it is tried again and what it died of, when the reason is guard")]


@_closed
class SentAll(TypedDict):
    """A batch that was accepted whole."""

    sent: list[Sent]


@_closed
class MessageInfo(_From):
    """A message as it was accepted."""

    id: MessageId
    to: Annotated[str, told("a peer's name, or `operator`")]
    kind: Annotated[str, told("what it counts as")]
    topic: Annotated[str | None, told("the conversation it belongs to")]
    re: Annotated[str | None, told("the message it answers")]
    asks: Annotated[bool, told("whether its sender wants an answer")]
    attachments: Annotated[list[str], told("paths of copies")]
    key: Annotated[str | None, told("its sender's own key, which makes a repeated call harmless")]
    urgent: bool
    at_ms: Annotated[int | None, told("not before; milliseconds since 1970")]
    expires_ms: Annotated[int | None, told("not after; milliseconds since 1970")]
    body: Annotated[str, told("its text")]
    created_ms: Millis


@_open
class Event(TypedDict):
    """Something that happened. Each kind has fields of its own beside these."""

    seq: Annotated[int, told("its number: they only grow")]
    ts: Millis
    ev: Annotated[str, told("its kind")]
    personality: Annotated[str | None, told("the peer it is about")]
    identity: Annotated[str | None, told("the identity it is about")]
    message: Annotated[str | None, told("the message it is about")]
    session: Annotated[str | None, told("the session it is about")]


@_closed
class MessagePath(TypedDict):
    """The path of one message, from accepted to answered."""

    message: MessageInfo
    row: Row
    reply: Annotated[Reply | None, told("the answer, once there is one")]
    replies: Annotated[list[ReplyHead], told("everything that was sent in reply")]
    events: list[Event]


@_closed
class EventPage(TypedDict):
    """Some of what happened, in order."""

    events: list[Event]
    next: Annotated[int, told("`after` of the next page")]


# ---- the house


@_closed
class Finding(TypedDict):
    """One thing that is wrong or doubtful."""

    personality: Annotated[str, told("a peer's name; `iapeer` for the house itself")]
    level: Annotated[Literal["error", "warning", "unconfirmed"], told("unconfirmed: it waits for `iapeer trust`")]
    path: Annotated[str, told("the file, folder or program it is about")]
    message: Annotated[str, told("one sentence")]


@_closed
class Verified(TypedDict):
    """Everything that is wrong."""

    problems: list[Finding]


@_closed
class ForVersions(TypedDict):
    """What an adapter says otherwise for some versions of its program."""

    range: Annotated[str, told("for which versions")]
    differs: Annotated[list[str], told("the adapter's fields that are other then")]
    applies: Annotated[bool, told("whether the installed program's version is one of them")]


@_closed
class RuntimeInfo(TypedDict):
    """One agent program that is known."""

    name: str
    title: Annotated[str, told("its name for people")]
    checked: Annotated[list[str], told("the ranges of versions its adapter was checked with")]
    versions: Annotated[list[ForVersions], told("what holds for some versions only")]
    intelligence: Annotated[Nature | None, told("null: its adapter cannot be read")]
    path: Annotated[str, told("its adapter's file")]
    origin: Annotated[str, told("bundled or user")]
    binary: Annotated[str | None, told("its program; null: it is not installed")]
    version: Annotated[str | None, told("the program's version")]
    warning: Warning


@_closed
class Runtimes(TypedDict):
    """All agent programs that are known."""

    runtimes: list[RuntimeInfo]


@_closed
class Stopping(TypedDict):
    """The daemon ends."""

    stopping: Literal[True]


Document = Annotated[dict[str, JsonValue], told("an OpenAPI 3.1 document")]
