"""Sending, as every face does it: HTTP and MCP call `send`, so that there is one truth."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from iapeer.api import views
from iapeer.api.models import Batch, Message, Send, Until
from iapeer.daemon.fleet import GoesOn, is_over, is_proven, is_told
from iapeer.daemon.letter import Caller, Letter
from iapeer.store import Row

if TYPE_CHECKING:
    from iapeer.api.web import Api

WAIT_DEFAULT_S = 300.0


async def _stays() -> bool:
    return False


async def send(
    api: Api, caller: Caller, wish: Send, gone: Callable[[], Awaitable[bool]] = _stays, *, so_far: bool = False
) -> dict[str, Any]:
    """Accept the message, wait as wished, and tell what became of it: SENT. Refused when nothing was stored.

    `gone` tells whether the caller has hung up: an answer that it waited for then goes to its session instead.
    `so_far`: when the wait was too short, tell how far the message is; else that is TimedOut.
    """
    fleet, clock = api.fleet, api.fleet.site.clock
    began = clock.monotonic()
    letter = await fleet.mail.prepare(caller, letter_of(wish, waits=wish.wait is not None))
    row = fleet.mail.accept(caller, letter)
    woke = fleet.wakes(row)
    if wish.wait is None:
        row = await fleet.until(row.message, is_told, api.send_wait_s + 1.0) if fleet.free(row) else row
        return views.sent(fleet, row, clock.monotonic() - began, woke)
    with fleet.mail.waiting(caller, row, reply=wish.wait == "reply"):
        try:
            row, reply = await until(api, row, wish.wait, wish.timeout_s)
        except GoesOn as late:
            if not so_far:
                raise
            row, reply = late.row, None
        if reply is not None and not await gone() and _listens(api, caller):
            fleet.mail.take(reply)
    return views.sent(fleet, row, clock.monotonic() - began, woke, wish.wait, reply)


async def send_all(api: Api, caller: Caller, wish: Batch) -> dict[str, Any]:
    """Accept all messages of a batch in one transaction, or none."""
    mail = api.fleet.mail
    letters = [await mail.prepare(caller, letter_of(one)) for one in wish.messages]
    rows = mail.accept_all(caller, letters)
    return {"sent": [views.sent(api.fleet, row, 0.0, api.fleet.wakes(row)) for row in rows]}


def letter_of(wish: Message, *, waits: bool = False) -> Letter:
    """The request as the fleet takes it."""
    asks = wish.asks or (isinstance(wish, Send) and wish.wait == "reply")
    return Letter(
        wish.to, wish.body, wish.runtime, wish.topic, wish.re, tuple(wish.attachments), wish.key, wish.urgent,
        wish.at_ms, wish.expires_ms, asks, waits,
    )  # fmt: skip


async def until(api: Api, row: Row, wait: Until, timeout_s: float | None) -> tuple[Row, Row | None]:
    """(the row once it is as the caller wants it, its answer if there is one); TimedOut when that takes too long."""
    store = api.fleet.site.store
    seconds = WAIT_DEFAULT_S if timeout_s is None else timeout_s

    def enough(now: Row) -> bool:
        if wait == "reply":
            return is_over(now) or store.reply_to(now) is not None
        return is_over(now) if wait == "done" else is_proven(now)

    row = await api.fleet.until(row.message, enough, seconds)
    if not enough(row):
        raise GoesOn(row, seconds)
    return row, store.reply_to(row) if wait == "reply" else None


def _listens(api: Api, caller: Caller) -> bool:
    """Whether the session that waited is still there to hear."""
    session = api.fleet.site.store.session(caller.session) if caller.session is not None else None
    return caller.session is None or (session is not None and session.ended_ms is None)
