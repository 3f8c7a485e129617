"""What is seen of a session at one moment, and what may be concluded from it. Pure values, no I/O.

Signals rank: the agent's own live state, then its transcript, then its screen.
"""

from __future__ import annotations

from dataclasses import dataclass

from iapeer.model.causes import BlockedReason, WaitReason
from iapeer.runtimes.livestate import Live
from iapeer.runtimes.records import Turn
from iapeer.runtimes.screen import View

UNTOLD_LIMIT_MS = 600_000


@dataclass(frozen=True, slots=True)
class Observation:
    """One look.

    `pasted` and `submitted` are the marks of the last paste and the last Enter that tmux really carried out.
    `ours`: the composer holds exactly what we pasted. `logged_in`: by the program's own word, since the last turn; None
    where it cannot be asked.
    """

    gone: bool
    foreground: bool
    in_mode: bool
    pasted: str
    submitted: str
    people: int
    screen: View
    live: Live | None
    turn: Turn
    recorded: bool  # a transcript is there
    ours: bool = False
    logged_in: bool | None = None
    hook_answer: str | None = None  # the last words of the turn, by the hook at its end
    read: int = 0  # how far the transcript was read, bytes


def blocked(observation: Observation, now_ms: int) -> str | None:
    """Why the agent cannot take input: permission, question, login, quota, update, unknown-dialog. None: it can."""
    if observation.live is not None and observation.live.status == "waiting":
        return observation.screen.blocked or observation.live.reason
    dialog_counts = not speaks(observation) or observation.screen.composer is None
    if observation.screen.dialog and dialog_counts:
        return observation.screen.blocked or BlockedReason.UNKNOWN_DIALOG
    if _logged_out(observation):
        return BlockedReason.LOGIN
    return BlockedReason.QUOTA if quota_until_ms(observation.turn) > now_ms else None


def _logged_out(observation: Observation) -> bool:
    """Whether the screen says so, or the last turn failed of it; not against the program's own word."""
    failed = observation.turn.reason == BlockedReason.LOGIN and observation.logged_in is False
    return failed or (observation.screen.blocked == BlockedReason.LOGIN and observation.logged_in is not True)


def quota_until_ms(turn: Turn) -> int:
    """When the limit that ended the last turn is over, wall time in milliseconds; 0 where none did.

    Where the program does not tell it, a limit counts for a while, and is then tried again by the next message.
    """
    if turn.reason != BlockedReason.QUOTA:
        return 0
    return turn.reset * 1000 if turn.reset is not None else turn.closed - turn.set_back + UNTOLD_LIMIT_MS


def speaks(observation: Observation) -> bool:
    """Whether the live state says what the agent is doing."""
    return observation.live is not None and observation.live.status != "loading"


def busy(observation: Observation) -> bool:
    """Whether a turn is open."""
    if observation.live is not None and observation.live.status != "loading":
        return observation.live.status == "busy"
    if observation.recorded:
        return observation.turn.open
    return observation.screen.busy


def works(observation: Observation) -> bool:
    """Whether a turn is open: also one that waits for a person."""
    waits = observation.turn.open and observation.live is not None and observation.live.status == "waiting"
    return busy(observation) or waits


def background(observation: Observation) -> bool:
    """Whether work goes on beside the closed turn."""
    return observation.live is not None and observation.live.status == "background"


def obstacle(observation: Observation, now_ms: int) -> WaitReason | None:
    """Why nothing may be typed right now; None: the composer is free."""
    if not observation.foreground:
        return WaitReason.NOT_THE_AGENT
    reason = blocked(observation, now_ms)
    if reason is not None:
        return WaitReason(reason) if reason in {BlockedReason.LOGIN, BlockedReason.QUOTA} else WaitReason.DIALOG
    if busy(observation):
        return WaitReason.BUSY
    if observation.screen.composer is None:
        return WaitReason.NO_COMPOSER
    if observation.screen.composer:
        return WaitReason.DRAFT
    return WaitReason.COPY_MODE if observation.in_mode else None


def activity(observation: Observation, now_ms: int) -> tuple[str, str | None]:
    """(idle | busy | blocked, the reason when blocked) as people see it."""
    if not observation.foreground:
        return "blocked", BlockedReason.NOT_THE_AGENT
    reason = blocked(observation, now_ms)
    if reason is not None:
        return "blocked", reason
    if busy(observation):
        return "busy", None
    why = obstacle(observation, now_ms)
    if why is WaitReason.DRAFT and not observation.ours:
        return "blocked", BlockedReason.DRAFT
    if why is WaitReason.NO_COMPOSER:
        return "blocked", BlockedReason.UNKNOWN_DIALOG
    return "idle", None
