"""Everything that is wrong or doubtful."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from typing_extensions import TypedDict

from iapeer.api.fields import closed, means
from iapeer.api.requests import NoQuery
from iapeer.api.runtimes import unchecked_programs
from iapeer.api.status import port_taken
from iapeer.api.web import Api, ApiCall, Endpoint
from iapeer.fleet.fleet import Fleet
from iapeer.model.names import split_identity
from iapeer.peers.verify import Problem, verify
from iapeer.sessions.preflight import no_tmux
from iapeer.sessions.strays import strays
from iapeer.wording.problems import noticed_late, stray


@closed
class Finding(TypedDict):
    """One thing that is wrong or doubtful."""

    personality: Annotated[str, means("a peer's name; `iapeer` for the house itself")]
    level: Annotated[Literal["error", "warning", "unconfirmed"], means("unconfirmed: it waits for `iapeer trust`")]
    path: Annotated[str, means("the file, folder or program it is about")]
    message: Annotated[str, means("one sentence")]


@closed
class Verified(TypedDict):
    """Everything that is wrong."""

    problems: list[Finding]


async def get_verify(call: ApiCall[None, NoQuery]) -> Verified:
    problems = [
        *_of_surroundings(call.api),
        *await _of_port(call.api),
        *_of_duties(call.api),
        *await unchecked_programs(call.fleet),
        *await _of_strays(call.fleet),
        *verify(call.fleet.registry, call.fleet.context.layout.config),
    ]
    return {"problems": [_finding(problem) for problem in problems]}


def _finding(problem: Problem) -> Finding:
    level = cast("Literal['error', 'warning']", problem.level)
    return {"personality": problem.personality, "level": level, "path": problem.path, "message": problem.message}


def _of_surroundings(api: Api) -> list[Problem]:
    """What is wrong with tmux, the settings and the watch of files."""
    context = api.fleet.context
    config = str(context.layout.config / "config.toml")
    lacking, late = no_tmux(context), context.files.trouble
    return [
        *([Problem("iapeer", "error", "tmux", lacking)] if lacking is not None else []),
        *(Problem("iapeer", "warning", config, problem) for problem in api.bad_settings),
        *([Problem("iapeer", "warning", "-", noticed_late(late))] if late is not None else []),
    ]


async def _of_port(api: Api) -> list[Problem]:
    if (port := api.port) is None:
        return []
    return [Problem("iapeer", "warning", port.address, problem) for problem in port.problems(await port_taken(api))]


def _of_duties(api: Api) -> list[Problem]:
    return [
        Problem("iapeer", "error", f"duty {duty['name']}", duty["problem"])
        for duty in api.duties() if duty["problem"] is not None
    ]  # fmt: skip


async def _of_strays(fleet: Fleet) -> list[Problem]:
    """Sessions that this daemon has no record of."""
    lost = await strays(fleet.context.store, fleet.context.layout.daemon_socket())
    return [Problem(split_identity(who)[1], "warning", f"pid {pid}", stray(who, pid)) for who, pid in lost]


ENDPOINTS = [Endpoint("GET", "/verify", get_verify, "What is wrong with profiles, folders, programs and settings")]
