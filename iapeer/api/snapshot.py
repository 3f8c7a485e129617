"""Everything that a view shows at one moment, with the number of the event from which it can follow the stream."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from typing_extensions import TypedDict

from iapeer.api.fields import Millis, closed, means
from iapeer.api.household import House
from iapeer.api.messages.row import Row, row_answer
from iapeer.api.peers.peer import Peer, all_peers
from iapeer.api.port import Taken
from iapeer.api.requests import NoQuery
from iapeer.api.sessions.record import Session, session_answer
from iapeer.api.status import port_taken, status_answer
from iapeer.api.web import VERSION, Api, ApiCall, Endpoint
from iapeer.model.states import FINAL

MOST_MESSAGES = 500


@closed
class Snapshot(TypedDict):
    """Everything at one moment."""

    api: Annotated[Literal[1], means("the version of this API")]
    seq: Annotated[int, means("the number of the last event that all of this has seen: stream those after it")]
    at_ms: Millis
    house: Annotated[House, means("the daemon, and counts")]
    peers: list[Peer]
    sessions: Annotated[list[Session], means("those that have not ended, the oldest first")]
    messages: Annotated[list[Row], means("the oldest 500 that are not final, the oldest first")]
    more: Annotated[int, means("how many that are not final are left out, for there are too many")]


async def get_snapshot(call: ApiCall[None, NoQuery]) -> Snapshot:
    return snapshot_answer(call.api, await port_taken(call.api))


def snapshot_answer(api: Api, taken: Taken | None) -> Snapshot:
    """The snapshot of this moment: nothing is awaited here, so that nothing happens between its parts.

    `taken`: who has the recorded port, if another one serves; that was asked a moment ago.
    """
    fleet, store = api.fleet, api.fleet.context.store
    with store.reading():
        rows = store.statuses.unfinished(MOST_MESSAGES)
        peers = all_peers(fleet)
        statuses = Counter[str](runtime["status"] for peer in peers for runtime in peer["runtimes"])
        house = status_answer(api, taken, statuses)
        return {
            "api": VERSION,
            "seq": store.events.last_seq(),
            "at_ms": fleet.context.now_ms(),
            "house": house,
            "peers": peers,
            "sessions": [session_answer(session) for session in store.sessions.all_open()],
            "messages": [row_answer(fleet, row) for row in rows],
            "more": sum(count for state, count in house["inbox"].items() if state not in FINAL) - len(rows),
        }


ENDPOINTS = [Endpoint("GET", "/snapshot", get_snapshot, "Everything at one moment, to follow the stream from")]
