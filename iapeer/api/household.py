"""How the daemon itself is, in `/status`: the shapes of its background duties, and how they are made."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

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
