"""Sending, as every face does it: HTTP and MCP call `send`, so that there is one truth."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from pydantic import Field

from iapeer.api.fields import means
from iapeer.api.messages.sent import Sent, SentAll, sent_answer
from iapeer.api.messages.waits import stays, waited
from iapeer.api.requests import Folder, NoQuery, PeerName, Request, RuntimeName, Seconds, Until, unknown_key
from iapeer.api.web import Api, ApiCall, Endpoint
from iapeer.fleet.parts import REST_S
from iapeer.fleet.standing import prospects, wakes
from iapeer.fleet.waits import GoesOn, is_told
from iapeer.mail.request import MAX_ATTACHMENTS, MAX_BATCH, MAX_BODY, MAX_TOPIC, Caller, SendRequest
from iapeer.store import PART

BATCH_LIMIT = 64 << 20
_ONE_LINE = r"^[^\r\n\x00]*[^\s\x00][^\r\n\x00]*$"
_FIRST = Field(fail_fast=True)  # one wrong item is told, and no error is made for each of thousands
Moment = Annotated[int, Field(ge=0, lt=2**62)]
Line = Annotated[str, means("one line", minLength=1, maxLength=MAX_TOPIC, pattern=_ONE_LINE)]


class Message(Request):
    """One message of POST /send/batch."""

    to: PeerName
    body: Annotated[str, means("its text", minLength=1, maxLength=MAX_BODY)]
    runtime: RuntimeName | None = Field(default=None, description="by default the default one, or the only live one")
    topic: Line | None = Field(default=None, description="the conversation it belongs to")
    re: Line | None = Field(default=None, description="the id of the message it answers")
    attachments: Annotated[list[Folder], means("files, which are copied", maxItems=MAX_ATTACHMENTS), _FIRST] = Field(
        default=[]
    )
    key: Line | None = Field(default=None, description="the same key and message again is taken once")
    urgent: bool = Field(default=False, description="before others that wait")
    at_ms: Moment | None = Field(default=None, description="not before; milliseconds since 1970")
    expires_ms: Moment | None = Field(default=None, description="not after; milliseconds since 1970")
    asks: bool = Field(default=False, description="an answer is wanted")


class Send(Message):
    """POST /send."""

    wait: Until | None = Field(default=None, description="answer once it is so")
    timeout_s: Seconds | None = Field(default=None, description="how long to wait, 300 by default")


class Batch(Request):
    """POST /send/batch."""

    messages: Annotated[
        list[Message], Field(min_length=1, max_length=MAX_BATCH, fail_fast=True, description="all or none are taken")
    ]

    @classmethod
    def unknown_field(cls, given: object) -> str | None:
        if (unknown := unknown_key(cls, given)) is not None or not isinstance(given, dict):
            return unknown
        messages = given.get("messages")
        for place, message in enumerate(messages[:MAX_BATCH] if isinstance(messages, list) else ()):
            if (unknown := unknown_key(Message, message)) is not None:
                return f"messages.{place}.{unknown}"
        return None


async def send(
    api: Api, caller: Caller, wish: Send, gone: Callable[[], Awaitable[bool]] = stays, *, so_far: bool = False
) -> Sent:
    """Accept the message, wait as wished, and tell what became of it: SENT. Refused when nothing was stored.

    `gone` tells whether the caller has hung up: an answer that it waited for then goes to its session instead.
    `so_far`: when the wait was too short, tell how far the message is; else that is TimedOut.
    """
    fleet, clock = api.fleet, api.fleet.context.clock
    began = clock.monotonic()
    request = await api.mail.prepare(caller, send_request_of(wish, wish.wait))
    row = api.mail.accept(caller, request)
    woke, free = prospects(fleet, row)
    if wish.wait is None:
        row = await fleet.waits.until(row.message, is_told, api.send_wait_s + 1.0) if free else row
        return sent_answer(fleet, row, clock.monotonic() - began, woke)
    try:
        row, reply = await waited(api, caller, row, wish.wait, wish.timeout_s, gone)
    except GoesOn as late:
        if not so_far:
            raise
        row, reply = late.row, None
    return sent_answer(fleet, row, clock.monotonic() - began, woke, wish.wait, reply)


async def send_all(api: Api, caller: Caller, wish: Batch) -> SentAll:
    """Accept all messages of a batch, or none."""
    mail = api.mail
    requests = await mail.prepare_all(caller, [send_request_of(message) for message in wish.messages])
    sent: list[Sent] = []
    for row in await mail.accept_all(caller, requests):
        sent.append(sent_answer(api.fleet, row, 0.0, wakes(api.fleet, row)))
        if len(sent) % PART == 0:
            await asyncio.sleep(REST_S)
    return {"sent": sent}


def send_request_of(wish: Message, waits: Until | None = None) -> SendRequest:
    """The request as the fleet takes it."""
    return SendRequest(
        wish.to, wish.body, wish.runtime, wish.topic, wish.re, tuple(wish.attachments), wish.key, wish.urgent,
        wish.at_ms, wish.expires_ms, wish.asks, waits,
    )  # fmt: skip


async def post_send(call: ApiCall[Send, NoQuery]) -> Sent:
    return await send(call.api, call.caller, call.body, call.request.is_disconnected)


async def post_batch(call: ApiCall[Batch, NoQuery]) -> SentAll:
    return await send_all(call.api, call.caller, call.body)


_ERRORS = (404, 409, 504)
ENDPOINTS = [
    Endpoint("POST", "/send", post_send, "Send a message, and wait as wished", Send, errors=_ERRORS),
    Endpoint("POST", "/send/batch", post_batch, "Send many, all or none", Batch, limit=BATCH_LIMIT, errors=_ERRORS),
]
