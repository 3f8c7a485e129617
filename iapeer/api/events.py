"""Events: read, and streamed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, cast

from pydantic import Field
from starlette.responses import Response, StreamingResponse
from typing_extensions import TypedDict

from iapeer.api.fields import Millis, closed, extensible, means
from iapeer.api.requests import PeerName, Query
from iapeer.api.web import Api, ApiCall, Endpoint
from iapeer.fleet.fleet import Fleet
from iapeer.store import Event as StoredEvent

SSE = "text/event-stream"
STREAM_BLOCK = 500  # events that are read at once
MAX_DIGITS = 19


class Which(Query):
    """Which events."""

    after: Annotated[int, Field(ge=0, lt=2**62, description="those with a greater number")] = 0
    peer: PeerName | None = Field(default=None, description="those about this peer")
    kind: Annotated[str, Field(max_length=1000, description="those of these kinds, with commas between")] = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds; none means all."""
        return tuple(kind for kind in self.kind.split(",") if kind)


class Page(Which):
    """GET /events."""

    limit: Annotated[int, Field(ge=1, le=10_000, description="so many at most")] = 1000


@extensible
class Event(TypedDict):
    """Something that happened. Each kind has fields of its own beside these."""

    seq: Annotated[int, means("its number: they only grow")]
    ts: Millis
    ev: Annotated[str, means("its kind")]
    personality: Annotated[str | None, means("the peer it is about")]
    identity: Annotated[str | None, means("the identity it is about")]
    message: Annotated[str | None, means("the message it is about")]
    session: Annotated[str | None, means("the session it is about")]


@closed
class EventPage(TypedDict):
    """Some of what happened, in order."""

    events: list[Event]
    next: Annotated[int, means("`after` of the next page")]


def event_answer(event: StoredEvent) -> Event:
    """An event, with the fields of its kind."""
    return cast("Event", event.flat())


def _filters(fleet: Fleet, query: Which) -> dict[str, Any]:
    if query.peer is not None:
        fleet.registry.get(query.peer)
    return {"personality": query.peer, "kinds": query.kinds}


async def get_events(call: ApiCall[None, Page]) -> EventPage:
    query = call.query
    events = call.fleet.context.store.events.page(query.after, limit=query.limit, **_filters(call.fleet, query))
    return {"events": [event_answer(event) for event in events], "next": events[-1].seq if events else query.after}


async def get_event_stream(call: ApiCall[None, Which]) -> Response:
    last_seen = call.request.headers.get("last-event-id", "")  # what a client says that connects again
    after = int(last_seen) if last_seen.isdecimal() and len(last_seen) < MAX_DIGITS else call.query.after
    stream = _stream(call.api, after, _filters(call.fleet, call.query))
    return StreamingResponse(stream, media_type=SSE, headers={"Cache-Control": "no-store"})


async def _stream(api: Api, after: int, filters: dict[str, Any]) -> AsyncIterator[str]:
    """Yield the events after a number, until we stop. One block is read at a time: a slow reader costs no more."""
    context = api.fleet.context
    store, clock, apart = context.store, context.clock, context.timing.api.beat
    beat = clock.monotonic() + apart
    while not api.stopping.is_set():
        last = store.events.last_seq()  # with nothing between this and the read: so far it was looked at
        if events := store.events.page(after, limit=STREAM_BLOCK, **filters):
            after = events[-1].seq
            yield "".join(f"id: {event.seq}\ndata: {json.dumps(event.flat())}\n\n" for event in events)
            await asyncio.sleep(0)  # others have their turn, however fast the reader is
        elif (left := beat - clock.monotonic()) > 0:
            after = max(after, last)
            await api.fleet.waits.next_event(left)
            continue
        else:
            yield ": still here\n\n"
        beat = clock.monotonic() + apart


ENDPOINTS = [
    Endpoint("GET", "/events", get_events, "What happened, in order", query=Page, errors=(404,)),
    Endpoint("GET", "/events/stream", get_event_stream, "The same, for ever", query=Which, errors=(404,), media=SSE),
]
