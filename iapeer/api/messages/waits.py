"""Waiting for what becomes of a message, for as long as the caller does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from iapeer.api.requests import Until
from iapeer.fleet.waits import GoesOn, is_over, is_proven
from iapeer.mail.request import Caller
from iapeer.model.errors import Failed
from iapeer.model.names import OPERATOR
from iapeer.store import Row

if TYPE_CHECKING:
    from iapeer.api.web import Api

T = TypeVar("T")


async def stays() -> bool:
    """A caller that never hangs up."""
    return False


async def waited(
    api: Api,
    caller: Caller,
    row: Row,
    wait: Until,
    timeout_s: float | None,
    gone: Callable[[], Awaitable[bool]] = stays,
) -> tuple[Row, Row | None]:
    """Wait as `until` does, for the message's sender: an answer that a session's call is given is not typed as well."""
    with api.mail.calls.waiting(caller, row, reply=wait == "reply"):
        row, reply = await unless_gone(until(api, row, wait, timeout_s), gone, api.fleet.context.timing.api.gone_look)
        if reply is not None and not await gone() and _listens(api, caller):
            api.mail.calls.take(reply)
    return row, reply


async def unless_gone(work: Coroutine[Any, Any, T], gone: Callable[[], Awaitable[bool]], look_s: float) -> T:
    """Return what `work` does; Failed when the caller has hung up, which is looked at so often (seconds)."""
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait({task}, timeout=look_s))[0]:
            if await gone():
                raise Failed("The caller has hung up.", code="hung-up")
        return task.result()
    finally:
        task.cancel()


async def until(api: Api, row: Row, wait: Until, timeout_s: float | None) -> tuple[Row, Row | None]:
    """Wait until the row is as the caller wants it: (the row, its answer if there is one); GoesOn after `timeout_s`."""
    store = api.fleet.context.store
    seconds = api.fleet.context.timing.api.wait if timeout_s is None else timeout_s

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
