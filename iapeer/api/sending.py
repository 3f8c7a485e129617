"""Sending, as every face does it: HTTP and MCP call `send`, so that there is one truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iapeer.api import views
from iapeer.api.models import Send
from iapeer.daemon.fleet import Caller, Letter, is_over, is_proven, is_told, timed_out
from iapeer.model.states import State
from iapeer.store import Row

if TYPE_CHECKING:
    from iapeer.api.app import Api

WAIT_DEFAULT_S = 300.0


async def send(api: Api, caller: Caller, wish: Send) -> dict[str, Any]:
    """Accept the message, wait as wished, and tell what became of it: SENT. Refused when nothing was stored."""
    fleet, clock = api.fleet, api.fleet.site.clock
    began = clock.monotonic()
    row = fleet.accept(caller, letter_of(wish))
    woke = fleet.actor(row.identity).at.running is None and row.state is not State.HELD
    row = await _waited(api, row, wish)
    return views.sent(fleet, row, clock.monotonic() - began, woke)


def letter_of(wish: Send) -> Letter:
    """The request as the fleet takes it."""
    return Letter(wish.to, wish.body, wish.runtime, wish.topic, wish.re)


async def _waited(api: Api, row: Row, wish: Send) -> Row:
    """The row once it is as the caller wants it; TimedOut when that takes too long."""
    fleet = api.fleet
    if wish.wait is None:
        return await fleet.until(row.message, is_told, api.send_wait_s + 1.0) if fleet.free(row.identity) else row
    seconds = WAIT_DEFAULT_S if wish.timeout_s is None else wish.timeout_s
    enough = is_over if wish.wait == "done" else is_proven
    row = await fleet.until(row.message, enough, seconds)
    if not enough(row):
        raise timed_out(row, seconds)
    return row
