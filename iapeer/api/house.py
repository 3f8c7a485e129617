"""The house itself: status, what is wrong, the runtimes, the end of the daemon."""

from __future__ import annotations

import asyncio

from iapeer.api import answers, household, views
from iapeer.api.models import NoQuery
from iapeer.api.port import Taken
from iapeer.api.web import Call, Endpoint
from iapeer.fleet.fleet import Fleet
from iapeer.model.errors import PeerError
from iapeer.model.names import split_identity
from iapeer.peers.registry import Problem
from iapeer.sessions.bringup import no_tmux
from iapeer.sessions.strays import strays

Plain = Call[None, NoQuery]


async def get_status(call: Plain) -> household.House:
    api = call.api
    return views.status(call.fleet, api.port, await _taken(call), api.duties(), api.gates)


async def _taken(call: Plain) -> Taken | None:
    """Who has the recorded port: asked of the system, which looks at every process."""
    port = call.api.port
    return await asyncio.to_thread(port.taken) if port is not None and not port.is_recorded else None


async def get_verify(call: Plain) -> answers.Verified:
    config = str(call.fleet.context.layout.config / "config.toml")
    lacking, port = no_tmux(call.fleet.context), call.api.port
    found = [Problem("iapeer", "error", "tmux", lacking)] if lacking else []
    found += [Problem("iapeer", "warning", config, problem) for problem in call.api.bad_settings]
    of_port = port.problems(await _taken(call)) if port is not None else []
    found += [Problem("iapeer", "warning", port.address if port else "-", problem) for problem in of_port]
    duties = [duty for duty in call.api.duties() if duty["problem"] is not None]
    found += [Problem("iapeer", "error", f"duty {duty['name']}", str(duty["problem"])) for duty in duties]
    if (trouble := call.fleet.context.files.trouble) is not None:
        found.append(Problem("iapeer", "warning", "-", f"changes of files are noticed late: {trouble}"))
    found += await views.unchecked_programs(call.fleet)
    found += await _strays(call.fleet)
    return {"problems": [views.finding(one) for one in [*found, *call.fleet.registry.verify()]]}


async def _strays(fleet: Fleet) -> list[Problem]:
    """Sessions that this daemon has no record of."""
    lost = await strays(fleet.context.store, fleet.context.layout.daemon_socket())
    return [
        Problem(split_identity(who)[1], "warning", f"pid {pid}", f"A session of {who} lives on without a record, for "
                f"the database it stood in was deleted: `kill {pid}` ends it.")
        for who, pid in lost
    ]  # fmt: skip


async def get_runtimes(call: Plain) -> answers.Runtimes:
    names = call.fleet.registry.catalogue.names()
    return {"runtimes": [await _runtime(call.fleet, name) for name in names]}


async def _runtime(fleet: Fleet, name: str) -> answers.RuntimeInfo:
    """An agent program; of one whose adapter cannot be read, why."""
    try:
        return await views.runtime(fleet, name)
    except PeerError as error:
        return views.broken_runtime(fleet, name, error)


async def get_runtime(call: Plain) -> answers.RuntimeInfo:
    return await views.runtime(call.fleet, call.name)


async def post_daemon_stop(call: Plain) -> answers.Stopping:
    call.api.stop()
    return {"stopping": True}


ENDPOINTS = [
    Endpoint("GET", "/status", get_status, "The daemon, and counts of peers and messages"),
    Endpoint("GET", "/verify", get_verify, "What is wrong with profiles, folders, programs and settings"),
    Endpoint("GET", "/runtimes", get_runtimes, "The agent programs that are known"),
    Endpoint("GET", "/runtimes/{name}", get_runtime, "One agent program"),
    Endpoint("POST", "/daemon/stop", post_daemon_stop, "Stop the daemon; sessions live on"),
]
