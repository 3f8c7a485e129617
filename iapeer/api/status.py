"""The daemon as it is, and its end."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Mapping
from typing import Literal

from typing_extensions import TypedDict

from iapeer import __version__
from iapeer.api import household
from iapeer.api.fields import closed
from iapeer.api.peers.identity import identities_of, status_word
from iapeer.api.port import Taken
from iapeer.api.requests import NoQuery
from iapeer.api.web import VERSION, Api, ApiCall, Endpoint
from iapeer.fleet.fleet import Fleet
from iapeer.store import STOPPED

STARTED = time.monotonic()


@closed
class Stopping(TypedDict):
    """The daemon ends."""

    stopping: Literal[True]


async def get_status(call: ApiCall[None, NoQuery]) -> household.House:
    return status_answer(call.api, await port_taken(call.api), _statuses(call.fleet))


async def port_taken(api: Api) -> Taken | None:
    """Who has the recorded port, if another one serves: asked of the system, which looks at every process."""
    port = api.port
    return await asyncio.to_thread(port.taken) if port is not None and not port.is_recorded else None


def status_answer(api: Api, taken: Taken | None, statuses: Mapping[str, int]) -> household.House:
    """The daemon, and counts. `taken`: who has the recorded port, if another one serves; `statuses`: of identities."""
    context, port = api.fleet.context, api.port
    return {
        "version": __version__,
        "api": VERSION,
        "daemon": {
            "pid": os.getpid(),
            "socket": str(context.layout.daemon_socket()),
            "tcp": port.address if port else None,
            "deaf": port.deaf() if port else [],
            "taken": taken,
            "certificate": str(context.layout.certificate),
            "unwatched": context.files.trouble,
            "uptime_s": round(time.monotonic() - STARTED, 1),
            "managed_by": "iapeer",
        },
        "store": str(context.layout.database),
        "peers": dict(statuses),
        "inbox": context.store.inbox.counts(),
        "duties": api.duties(),
        "connections": household.connections(api.gates),
    }


def _statuses(fleet: Fleet) -> dict[str, int]:
    """How many identities have each status."""
    flagged = set(fleet.context.store.flags.identities_with(STOPPED))
    stopped = {
        who: known.record.stopped or who in flagged
        for known in fleet.registry.all() for who in identities_of(fleet, known)
    }  # fmt: skip
    return dict(Counter[str](status_word(fleet.status(who), down) for who, down in stopped.items()))


async def post_daemon_stop(call: ApiCall[None, NoQuery]) -> Stopping:
    call.api.stop()
    return {"stopping": True}


ENDPOINTS = [
    Endpoint("GET", "/status", get_status, "The daemon, and counts of peers and messages"),
    Endpoint("POST", "/daemon/stop", post_daemon_stop, "Stop the daemon; sessions live on"),
]
