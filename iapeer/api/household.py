"""How the daemon itself is, as `/status` says it: counts, its background duties and its connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from iapeer.api.connections import Gate

_closed = with_config(ConfigDict(extra="forbid"))


@_closed
class DutyState(TypedDict):
    """Something that the daemon does in the background, for ever."""

    name: str
    progress_ms: Annotated[int | None, Field(description="when it last got on: ms since 1970; null: not yet")]
    failures: Annotated[int, Field(description="how often it failed since the daemon's start")]
    error: Annotated[str | None, Field(description="what it failed of, until it gets on again")]
    again_ms: Annotated[int | None, Field(description="when it is begun again; null: it runs")]
    problem: Annotated[str | None, Field(description="one sentence; null: nothing is wrong with it")]


@_closed
class Connections(TypedDict):
    """Who is connected to one listener of the daemon."""

    listener: Annotated[str, Field(description="unix or tcp")]
    open: Annotated[int, Field(description="how many are connected")]
    strangers: Annotated[int, Field(description="how many of them have not shown a token yet")]
    dropped: Annotated[int, Field(description="how many were hung up on: silent for too long, or one too many")]
    refused: Annotated[int, Field(description="how many found no room")]


@_closed
class Daemon(TypedDict):
    """The daemon itself."""

    pid: int
    socket: Annotated[str, Field(description="the path of its unix socket")]
    tcp: Annotated[str | None, Field(description="HOST:PORT of its loopback port")]
    deaf: Annotated[list[str], Field(description="identities whose sessions call, or trust, another one")]
    taken: Annotated[dict[str, int | None] | None, Field(description="the recorded port, whose uid and pid hold it")]
    certificate: Annotated[str, Field(description="the path of the certificate that `tcp` proves itself with")]
    unwatched: Annotated[str | None, Field(description="why file changes are noticed late; null: they are not")]
    uptime_s: Annotated[float, Field(description="seconds")]
    managed_by: Annotated[Literal["iapeer"], Field(description="who starts it")]


@_closed
class House(TypedDict):
    """The daemon, and counts."""

    version: str
    api: Annotated[Literal[1], Field(description="the version of this API")]
    daemon: Daemon
    store: Annotated[str, Field(description="the path of the database")]
    peers: Annotated[dict[str, int], Field(description="how many identities have each status")]
    inbox: Annotated[dict[str, int], Field(description="how many messages are in each state")]
    duties: Annotated[list[DutyState], Field(description="what goes on in the background")]
    connections: list[Connections]


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
