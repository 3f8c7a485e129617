"""Whether a warm session may be put to sleep. Pure."""

from __future__ import annotations

from iapeer.sessions.observation import Observation, activity, background


def may_park(observation: Observation, now_ms: int) -> bool:
    """Whether nobody and nothing would be cut off: no turn, no dialog or draft, no work beside it, no person."""
    free = activity(observation, now_ms)[0] == "idle" and not background(observation)
    return free and not observation.people and not observation.in_mode
