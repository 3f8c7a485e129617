"""Messages and events: sent, followed, streamed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response, StreamingResponse

from iapeer.api import views
from iapeer.api.models import Batch, NoQuery, Page, Send, WaitMessage, Which
from iapeer.api.sending import send, send_all, until, waited
from iapeer.api.web import Answered, Call, Endpoint
from iapeer.daemon.fleet import Fleet, is_over
from iapeer.model.errors import Refused

STREAM_BEAT_S = 15.0
MAX_DIGITS = 19
BATCH_LIMIT = 64 << 20


async def post_send(call: Call[Send, NoQuery]) -> Answered:
    return await send(call.api, call.caller, call.body, call.request.is_disconnected)


async def post_batch(call: Call[Batch, NoQuery]) -> Answered:
    return await send_all(call.api, call.caller, call.body)


async def get_message(call: Call[None, WaitMessage]) -> Answered:
    row = call.fleet.site.store.row(call.name)
    if row is None:
        raise Refused(f"There is no message '{call.name}'.", code="unknown-message")
    wait, seconds = call.query.wait, call.query.timeout_s
    if wait is not None and (row.sender, row.sender_runtime) == (call.caller.personality, call.caller.runtime):
        if call.caller.session is not None and not is_over(row):
            call.fleet.mail.no_circle(call.caller, row.identity)
        row, _ = await waited(call.api, call.caller, row, wait, seconds, call.request.is_disconnected)
    elif wait is not None:
        row, _ = await until(call.api, row, wait, seconds)
    return views.message(call.fleet, row)


def _filters(fleet: Fleet, query: Which) -> dict[str, Any]:
    if query.peer is not None:
        fleet.registry.get(query.peer)
    return {"personality": query.peer, "kinds": query.kinds}


async def get_events(call: Call[None, Page]) -> Answered:
    query = call.query
    found = call.fleet.site.store.events(query.after, limit=query.limit, **_filters(call.fleet, query))
    return {"events": [event.flat() for event in found], "next": found[-1].seq if found else query.after}


async def get_event_stream(call: Call[None, Which]) -> Response:
    seen = call.request.headers.get("last-event-id", "")  # what a client says that connects again
    after = int(seen) if seen.isdecimal() and len(seen) < MAX_DIGITS else call.query.after
    stream = _stream(call.fleet, after, _filters(call.fleet, call.query))
    return StreamingResponse(stream, media_type="text/event-stream")


async def _stream(fleet: Fleet, after: int, filters: dict[str, Any]) -> AsyncIterator[str]:
    while True:
        found = fleet.site.store.events(after, limit=500, **filters)
        for event in found:
            after = event.seq
            yield f"id: {event.seq}\ndata: {json.dumps(event.flat())}\n\n"
        if not found:
            await fleet.next_event(STREAM_BEAT_S)
            yield ": still here\n\n"


ENDPOINTS = [
    Endpoint("POST", "/send", post_send, "Send a message, and wait as wished", Send),
    Endpoint("POST", "/send/batch", post_batch, "Send many messages, all or none", Batch, limit=BATCH_LIMIT),
    Endpoint("GET", "/messages/{name}", get_message, "The path of one message; may wait", query=WaitMessage),
    Endpoint("GET", "/events", get_events, "What happened, in order", query=Page),
    Endpoint("GET", "/events/stream", get_event_stream, "The same as server-sent events, for ever", query=Which),
]
