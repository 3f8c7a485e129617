"""How the daemon itself is, in `/status`: its background duties and its connections, as shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from iapeer.api.connections import Gate
from iapeer.daemon.duties import Duties


@with_config(ConfigDict(extra="forbid"))
class DutyState(TypedDict):
    """Something that the daemon does in the background, for ever."""

    name: str
    progress_ms: Annotated[int | None, Field(description="when it last got on: ms since 1970; null: not yet")]
    failures: Annotated[int, Field(description="how often it failed since the daemon's start")]
    error: Annotated[str | None, Field(description="what it failed of, until it gets on again")]
    again_ms: Annotated[int | None, Field(description="when it is begun again; null: it runs")]
    problem: Annotated[str | None, Field(description="one sentence; null: nothing is wrong with it")]


def duty_states(duties: Duties) -> list[DutyState]:
    """All duties, as they are."""
    problems = dict(duties.problems())
    return [
        {
            "name": duty.name,
            "progress_ms": duties.wall_ms(duty.progress),
            "failures": duty.failures,
            "error": duty.error,
            "again_ms": duties.wall_ms(duty.again),
            "problem": problems.get(duty.name),
        }
        for duty in duties
    ]


@with_config(ConfigDict(extra="forbid"))
class Connections(TypedDict):
    """Who is connected to one listener of the daemon."""

    listener: Annotated[str, Field(description="unix or tcp")]
    open: Annotated[int, Field(description="how many are connected")]
    strangers: Annotated[int, Field(description="how many of them have not shown a token yet")]
    dropped: Annotated[int, Field(description="how many were hung up on: silent for too long, or one too many")]
    refused: Annotated[int, Field(description="how many found no room")]


def connections(gates: Mapping[str, Gate]) -> list[Connections]:
    """All listeners, as they are."""
    return [
        {
            "listener": name,
            "open": len(gate),
            "strangers": gate.strangers,
            "dropped": gate.dropped,
            "refused": gate.refused,
        }
        for name, gate in gates.items()
    ]
