"""What is remembered of an attempt to deliver a message, look by look. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from iapeer.sessions.observation import Observation, busy


@dataclass(frozen=True, slots=True)
class Memory:
    """What the actor remembers of an attempt; monotonic seconds."""

    mark: str
    since: float  # when typing began, or was taken over
    pasted: float | None = None
    entered: float | None = None
    enters: int = 0
    quiet: float | None = None  # since when the live state contradicts an open transcript
    accepted: bool = False  # the agent was seen at work since our Enter
    read: int | None = None  # how far the transcript was read at the last look
    opened: int | None = None  # the beginning of the turn on record when typing began, milliseconds
    shown: bool = False  # the composer held our text
    worked: bool = False  # the agent was seen at work since the paste, with or without an Enter of ours
    empty: float | None = None  # since when an agent at rest shows an empty composer, after it held our text


def remember(memory: Memory, observation: Observation, now: float) -> Memory:
    """What this look adds to the memory of an attempt."""
    at_work = busy(observation)
    accepted = memory.accepted or _accepted(observation, memory)
    contradicts = _at_rest(observation) and (observation.turn.open or accepted)
    grew = memory.read is not None and observation.read != memory.read  # an agent whose record goes on is not at rest
    noted = replace(
        memory,
        accepted=accepted,
        quiet=_since(memory.quiet, contradicts, grew, now),
        read=observation.read,
        opened=memory.opened if memory.opened is not None else observation.turn.opened,
        shown=memory.shown or (observation.ours and observation.pasted == memory.mark),
        worked=memory.worked or (observation.pasted == memory.mark and (at_work or observation.screen.busy)),
    )
    return replace(noted, empty=_since(memory.empty, _is_taken_out(noted, observation, at_work), grew, now))


def _since(before: float | None, holds: bool, anew: bool, now: float) -> float | None:
    """Since when something holds; None while it does not."""
    if not holds:
        return None
    return now if before is None or anew else before


def _is_taken_out(memory: Memory, observation: Observation, at_work: bool) -> bool:
    """Whether our text stood in the composer and does not any more, though no Enter of ours was pressed.

    tmux knows of every Enter of ours. A person may have pressed one: then the agent worked, and our message is on
    record. What was worked on is another's where its turn is on record, and not ours.
    """
    entered = memory.entered is not None or observation.submitted.startswith(f"{memory.mark}:")
    gone = memory.shown and not entered and observation.pasted == memory.mark and observation.screen.composer == ""
    at_rest = observation.foreground and not observation.in_mode and not at_work and not observation.turn.open
    explained = not memory.worked or observation.turn.opened > (memory.opened or 0)
    return gone and at_rest and explained and not observation.screen.dialog


def _at_rest(observation: Observation) -> bool:
    """Whether the agent shows no work: by its live state, else by a screen with a composer and no sign of work."""
    if observation.live is not None and observation.live.status != "loading":
        return observation.live.status in {"idle", "background"}
    return observation.screen.at_rest


def _accepted(observation: Observation, memory: Memory) -> bool:
    """Whether the live state shows a turn since our Enter. Its time stamps alone do not: they also move without one."""
    return observation.live is not None and observation.live.status == "busy" and memory.entered is not None
