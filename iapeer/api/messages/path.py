"""The path of one message, from accepted to answered."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from iapeer.api.events import Event, event_answer
from iapeer.api.fields import From, MessageId, Millis, closed, means
from iapeer.api.messages.row import Row, row_answer
from iapeer.api.messages.sent import Reply, reply_answer
from iapeer.api.messages.waits import unless_gone, until, waited
from iapeer.api.requests import Query, Seconds, Until
from iapeer.api.web import ApiCall, Endpoint
from iapeer.fleet.fleet import Fleet
from iapeer.fleet.waits import is_over
from iapeer.model.errors import Refused
from iapeer.store import URGENT
from iapeer.store import Row as StoredRow


class WaitMessage(Query):
    """GET /messages/ID."""

    wait: Until | None = Field(default=None, description="answer once it is so")
    timeout_s: Seconds | None = Field(default=None, description="how long to wait, 300 by default")


@closed
class MessageInfo(From):
    """A message as it was accepted."""

    id: MessageId
    to: Annotated[str, means("a peer's name, or `operator`")]
    kind: Annotated[str, means("what it counts as")]
    topic: Annotated[str | None, means("the conversation it belongs to")]
    re: Annotated[str | None, means("the message it answers")]
    asks: Annotated[bool, means("whether its sender wants an answer")]
    attachments: Annotated[list[str], means("paths of copies")]
    key: Annotated[str | None, means("its sender's own key, which makes a repeated call harmless")]
    urgent: bool
    at_ms: Annotated[int | None, means("not before; milliseconds since 1970")]
    expires_ms: Annotated[int | None, means("not after; milliseconds since 1970")]
    body: Annotated[str, means("its text")]
    created_ms: Millis


@closed
class ReplyHead(From):
    """An answer to a message, without its text."""

    id: MessageId
    kind: Annotated[str, means("what it counts as")]
    created_ms: Millis


@closed
class MessagePath(TypedDict):
    """The path of one message, from accepted to answered."""

    message: MessageInfo
    row: Row
    reply: Annotated[Reply | None, means("the answer, once there is one")]
    replies: Annotated[list[ReplyHead], means("everything that was sent in reply")]
    events: list[Event]


async def get_message(call: ApiCall[None, WaitMessage]) -> MessagePath:
    row = call.fleet.context.store.inbox.row(call.name)
    if row is None:
        raise Refused(f"There is no message '{call.name}'.", code="unknown-message")
    wait, seconds = call.query.wait, call.query.timeout_s
    if wait is not None and (row.sender, row.sender_runtime) == (call.caller.personality, call.caller.runtime):
        if call.caller.session is not None and not is_over(row):
            call.api.mail.calls.check_circle(call.caller, row.identity)
        row, _ = await waited(call.api, call.caller, row, wait, seconds, call.request.is_disconnected)
    elif wait is not None:
        now = await unless_gone(
            until(call.api, row, wait, seconds), call.request.is_disconnected, call.fleet.context.timing.api.gone_look
        )
        row = now[0]
    return path_answer(call.fleet, row)


def path_answer(fleet: Fleet, row: StoredRow) -> MessagePath:
    """The answer about a message: itself, where it stands, what came back, what happened."""
    store = fleet.context.store
    return {
        "message": _message(row),
        "row": row_answer(fleet, row),
        "reply": reply_answer(store.messages.reply_to(row)),
        "replies": [
            {"id": reply.message, "from": reply.sender, "kind": reply.kind, "created_ms": reply.created_ms}
            for reply in store.messages.replies(row.message)
        ],
        "events": [event_answer(event) for event in store.events.page(message=row.message)],
    }  # fmt: skip


def _message(row: StoredRow) -> MessageInfo:
    return {
        "id": row.message, "from": row.sender, "to": row.to, "kind": row.kind, "topic": row.topic, "re": row.re,
        "asks": row.asks, "attachments": list(row.attachments), "key": row.key, "urgent": row.priority == URGENT,
        "at_ms": row.not_before_ms, "expires_ms": row.expires_ms, "body": row.body, "created_ms": row.created_ms,
    }  # fmt: skip


ENDPOINTS = [
    Endpoint("GET", "/messages/{name}", get_message, "A message's path; may wait", query=WaitMessage, errors=(504,))
]
