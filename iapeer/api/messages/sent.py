"""What became of a message, as its sender is told, and the answer to it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from typing_extensions import TypedDict

from iapeer.actors.status import IdentityStatus
from iapeer.api.fields import From, MaybeSession, MessageId, Millis, Name, closed, means
from iapeer.fleet.fleet import Fleet
from iapeer.fleet.standing import UNTYPED, is_delivered, waits_for
from iapeer.model.causes import SentOutcome, WaitReason
from iapeer.model.states import WAITING, State
from iapeer.store import Row as StoredRow
from iapeer.wording import delivery


@closed
class Reply(From):
    """An answer to a message."""

    id: MessageId
    body: Annotated[str, means("its text")]
    attachments: Annotated[list[str], means("paths of copies")]
    created_ms: Millis


@closed
class To(TypedDict):
    """Whom a message reaches."""

    personality: Name
    runtime: Annotated[str, means("an agent program's name")]


@closed
class Sent(TypedDict):
    """What became of a message so far."""

    id: MessageId
    to: To
    outcome: Literal["delivered", "queued", "refused", "stranded", "unknown"]
    reason: Annotated[str | None, means("what it waits for, or what is in doubt")]
    state: State
    depth: Annotated[int, means("how many messages wait for the same identity")]
    woke: Annotated[bool, means("whether a session is started for it")]
    session: MaybeSession
    attempt: Annotated[int, means("how often it was typed")]
    took_ms: Annotated[float, means("how long this call took, milliseconds")]
    reply: Reply | None
    detail: Annotated[str | None, means("when it is tried again and what it died of, when the reason is guard")]


@closed
class SentAll(TypedDict):
    """A batch that was accepted whole."""

    sent: list[Sent]


def sent_answer(
    fleet: Fleet, row: StoredRow, took_s: float, woke: bool, wait: str | None = None, reply: StoredRow | None = None
) -> Sent:
    """What became of a message. `wait`: what the caller waited for; `reply`: the answer that came, if one did."""
    outcome, reason = _outcome(fleet, row)
    runtime, _, _ = row.identity.partition("-")
    if wait == "reply" and reply is None and row.state is State.DONE:
        reason = "no-reply"
    return {
        "id": row.message,
        "to": {"personality": row.to, "runtime": runtime},
        "outcome": cast("Any", outcome),
        "reason": reason,
        "state": row.state,
        "depth": fleet.context.store.inbox.depth(row.identity),
        "woke": woke,
        "session": row.session,
        "attempt": row.attempt,
        "took_ms": round(took_s * 1000, 1),
        "reply": reply_answer(reply),
        "detail": _held_up(fleet.status(row.identity)) if reason == WaitReason.GUARD else None,
    }


def reply_answer(row: StoredRow | None) -> Reply | None:
    """An answer to a message; None: there is none."""
    if row is None:
        return None
    return {
        "id": row.message, "from": row.sender, "body": row.body, "attachments": list(row.attachments),
        "created_ms": row.created_ms,
    }  # fmt: skip


def _held_up(status: IdentityStatus) -> str:
    """When an identity that is left down is tried again, and what it died of."""
    return delivery.tried_again(round(status.guarded_s or 0.0), status.personality, status.died_of)


def _outcome(fleet: Fleet, row: StoredRow) -> tuple[SentOutcome, str | None]:
    if row.state in WAITING:
        return SentOutcome.QUEUED, waits_for(fleet, row)
    if row.outcome in UNTYPED:
        return SentOutcome.QUEUED, row.outcome
    if is_delivered(fleet, row):
        return SentOutcome.DELIVERED, row.error or _asks(fleet, row)
    if row.state is State.LEASED:
        return SentOutcome.QUEUED, WaitReason.TYPING
    if row.state is State.STRANDED:
        return SentOutcome.STRANDED, row.reason
    return SentOutcome.UNKNOWN, row.error or row.reason


def _asks(fleet: Fleet, row: StoredRow) -> str | None:
    """What the agent asks a person in the middle of the message's turn; None: nothing."""
    session = fleet.status(row.identity).session if row.state is State.RUNNING else None
    return session.asks if session is not None and session.id == row.session else None
