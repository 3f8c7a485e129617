"""The house itself: status, what is wrong, the runtimes, the end of the daemon."""

from __future__ import annotations

from iapeer.api import answers, views
from iapeer.api.models import NoQuery
from iapeer.api.web import Call, Endpoint
from iapeer.peers.registry import Problem
from iapeer.sessions.bringup import no_tmux

Plain = Call[None, NoQuery]


async def get_status(call: Plain) -> answers.House:
    return views.status(call.fleet, call.api.tcp, call.api.deaf())


async def get_verify(call: Plain) -> answers.Verified:
    config = str(call.fleet.site.layout.config / "config.toml")
    lacking = no_tmux()
    found = [Problem("iapeer", "error", "tmux", lacking)] if lacking else []
    found += [Problem("iapeer", "warning", config, problem) for problem in call.api.problems]
    found += [Problem("iapeer", "warning", call.api.tcp or "-", problem) for problem in call.api.port_problems()]
    found += await views.unchecked_programs(call.fleet)
    return {"problems": [views.finding(one) for one in [*found, *call.fleet.registry.verify()]]}


async def get_runtimes(call: Plain) -> answers.Runtimes:
    names = call.fleet.registry.catalogue.names()
    return {"runtimes": [await views.runtime(call.fleet, name) for name in names]}


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
