"""Sending, as every face does it: HTTP and MCP call `send`, so that there is one truth."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from iapeer.api import answers, views
from iapeer.api.models import Batch, Message, Send, Until
from iapeer.fleet.parts import REST_S
from iapeer.fleet.standing import is_free, wakes
from iapeer.fleet.waits import GoesOn, is_over, is_proven, is_told
from iapeer.mail.request import Caller, SendRequest
from iapeer.model.errors import Failed
from iapeer.model.names import OPERATOR
from iapeer.store import PART, Row

if TYPE_CHECKING:
    from iapeer.api.web import Api

T = TypeVar("T")
WAIT_DEFAULT_S = 300.0
GONE_LOOK_S = 1.0  # between looks whether a caller that waits is still there


async def _stays() -> bool:
    return False


async def send(
    api: Api, caller: Caller, wish: Send, gone: Callable[[], Awaitable[bool]] = _stays, *, so_far: bool = False
) -> answers.Sent:
    """Accept the message, wait as wished, and tell what became of it: SENT. Refused when nothing was stored.

    `gone` tells whether the caller has hung up: an answer that it waited for then goes to its session instead.
    `so_far`: when the wait was too short, tell how far the message is; else that is TimedOut.
    """
    fleet, clock = api.fleet, api.fleet.context.clock
    began = clock.monotonic()
    request = await api.mail.prepare(caller, send_request_of(wish, wish.wait))
    row = api.mail.accept(caller, request)
    woke = wakes(fleet, row)
    if wish.wait is None:
        row = await fleet.waits.until(row.message, is_told, api.send_wait_s + 1.0) if is_free(fleet, row) else row
        return views.sent(fleet, row, clock.monotonic() - began, woke)
    try:
        row, reply = await waited(api, caller, row, wish.wait, wish.timeout_s, gone)
    except GoesOn as late:
        if not so_far:
            raise
        row, reply = late.row, None
    return views.sent(fleet, row, clock.monotonic() - began, woke, wish.wait, reply)


async def send_all(api: Api, caller: Caller, wish: Batch) -> answers.SentAll:
    """Accept all messages of a batch, or none."""
    mail = api.mail
    requests = await mail.prepare_all(caller, [send_request_of(one) for one in wish.messages])
    sent: list[answers.Sent] = []
    for row in await mail.accept_all(caller, requests):
        sent.append(views.sent(api.fleet, row, 0.0, wakes(api.fleet, row)))
        if len(sent) % PART == 0:
            await asyncio.sleep(REST_S)
    return {"sent": sent}


def send_request_of(wish: Message, waits: Until | None = None) -> SendRequest:
    """The request as the fleet takes it."""
    return SendRequest(
        wish.to, wish.body, wish.runtime, wish.topic, wish.re, tuple(wish.attachments), wish.key, wish.urgent,
        wish.at_ms, wish.expires_ms, wish.asks, waits,
    )  # fmt: skip


async def waited(
    api: Api,
    caller: Caller,
    row: Row,
    wait: Until,
    timeout_s: float | None,
    gone: Callable[[], Awaitable[bool]] = _stays,
) -> tuple[Row, Row | None]:
    """`until`, by a call of the message's sender: an answer that a session's call is given is not typed as well."""
    with api.mail.calls.waiting(caller, row, reply=wait == "reply"):
        row, reply = await unless_gone(until(api, row, wait, timeout_s), gone)
        if reply is not None and not await gone() and _listens(api, caller):
            api.mail.calls.take(reply)
    return row, reply


async def unless_gone(work: Coroutine[Any, Any, T], gone: Callable[[], Awaitable[bool]]) -> T:
    """What `work` returns; a caller that hung up waits no more."""
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait({task}, timeout=GONE_LOOK_S))[0]:
            if await gone():
                raise Failed("The caller has hung up.", code="hung-up")
        return task.result()
    finally:
        task.cancel()


async def until(api: Api, row: Row, wait: Until, timeout_s: float | None) -> tuple[Row, Row | None]:
    """(the row once it is as the caller wants it, its answer if there is one); TimedOut when that takes too long."""
    store = api.fleet.context.store
    seconds = WAIT_DEFAULT_S if timeout_s is None else timeout_s

    def enough(now: Row) -> bool:
        if wait == "reply":
            put_to_a_person = now.asks and now.to == OPERATOR  # who answers when there is time
            return (is_over(now) and not put_to_a_person) or store.messages.reply_to(now) is not None
        return is_over(now) if wait == "done" else is_proven(now)

    row = await api.fleet.waits.until(row.message, enough, seconds)
    if not enough(row):
        raise GoesOn(row, seconds, code="stopping" if api.stopping.is_set() else None)
    return row, store.messages.reply_to(row) if wait == "reply" else None


def _listens(api: Api, caller: Caller) -> bool:
    """Whether the session that waited is still there to hear."""
    session = api.fleet.context.store.sessions.get(caller.session) if caller.session is not None else None
    return caller.session is None or (session is not None and session.ended_ms is None)
