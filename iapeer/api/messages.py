"""Messages and events: sent, followed, streamed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response, StreamingResponse

from iapeer.api import answers, views
from iapeer.api.models import Batch, NoQuery, Page, Send, WaitMessage, Which
from iapeer.api.sending import send, send_all, unless_gone, until, waited
from iapeer.api.web import Api, Call, Endpoint
from iapeer.fleet.fleet import Fleet
from iapeer.fleet.waits import is_over
from iapeer.model.errors import Refused

SSE = "text/event-stream"
STREAM_BEAT_S = 15.0
STREAM_BLOCK = 500  # events that are read at once
MAX_DIGITS = 19
BATCH_LIMIT = 64 << 20


async def post_send(call: Call[Send, NoQuery]) -> answers.Sent:
    return await send(call.api, call.caller, call.body, call.request.is_disconnected)


async def post_batch(call: Call[Batch, NoQuery]) -> answers.SentAll:
    return await send_all(call.api, call.caller, call.body)


async def get_message(call: Call[None, WaitMessage]) -> answers.MessagePath:
    row = call.fleet.context.store.inbox.row(call.name)
    if row is None:
        raise Refused(f"There is no message '{call.name}'.", code="unknown-message")
    wait, seconds = call.query.wait, call.query.timeout_s
    if wait is not None and (row.sender, row.sender_runtime) == (call.caller.personality, call.caller.runtime):
        if call.caller.session is not None and not is_over(row):
            call.api.mail.calls.check_circle(call.caller, row.identity)
        row, _ = await waited(call.api, call.caller, row, wait, seconds, call.request.is_disconnected)
    elif wait is not None:
        outcome = await unless_gone(until(call.api, row, wait, seconds), call.request.is_disconnected)
        row = outcome[0]
    return views.message(call.fleet, row)


def _filters(fleet: Fleet, query: Which) -> dict[str, Any]:
    if query.peer is not None:
        fleet.registry.get(query.peer)
    return {"personality": query.peer, "kinds": query.kinds}


async def get_events(call: Call[None, Page]) -> answers.EventPage:
    query = call.query
    found = call.fleet.context.store.events.page(query.after, limit=query.limit, **_filters(call.fleet, query))
    return {"events": [views.event(event) for event in found], "next": found[-1].seq if found else query.after}


async def get_event_stream(call: Call[None, Which]) -> Response:
    seen = call.request.headers.get("last-event-id", "")  # what a client says that connects again
    after = int(seen) if seen.isdecimal() and len(seen) < MAX_DIGITS else call.query.after
    stream = _stream(call.api, after, _filters(call.fleet, call.query))
    return StreamingResponse(stream, media_type=SSE, headers={"Cache-Control": "no-store"})


async def _stream(api: Api, after: int, filters: dict[str, Any]) -> AsyncIterator[str]:
    """The events after a number, until we stop. One block at a time is read: a slow reader costs no more than that."""
    store, clock = api.fleet.context.store, api.fleet.context.clock
    beat = clock.monotonic() + STREAM_BEAT_S
    while not api.stopping.is_set():
        last = (
            store.events.last_seq()
        )  # nothing runs between this and the read: up to here, what does not fit was looked at
        if found := store.events.page(after, limit=STREAM_BLOCK, **filters):
            after = found[-1].seq
            yield "".join(f"id: {event.seq}\ndata: {json.dumps(event.flat())}\n\n" for event in found)
            await asyncio.sleep(0)  # others have their turn, however fast the reader is
        elif (left := beat - clock.monotonic()) > 0:
            after = max(after, last)
            await api.fleet.waits.next_event(left)
            continue
        else:
            yield ": still here\n\n"
        beat = clock.monotonic() + STREAM_BEAT_S


_SENDING = (404, 409, 504)
ENDPOINTS = [
    Endpoint("POST", "/send", post_send, "Send a message, and wait as wished", Send, errors=_SENDING),
    Endpoint("POST", "/send/batch", post_batch, "Send many, all or none", Batch, limit=BATCH_LIMIT, errors=_SENDING),
    Endpoint("GET", "/messages/{name}", get_message, "A message's path; may wait", query=WaitMessage, errors=(504,)),
    Endpoint("GET", "/events", get_events, "What happened, in order", query=Page, errors=(404,)),
    Endpoint("GET", "/events/stream", get_event_stream, "The same, for ever", query=Which, errors=(404,), media=SSE),
]
