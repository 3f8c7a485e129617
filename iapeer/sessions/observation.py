"""What is seen of a session at one moment, and what may be concluded from it. Pure values, no I/O.

Signals rank: the agent's own live state, then its transcript, then its screen.
"""

from __future__ import annotations

from dataclasses import dataclass

from iapeer.runtimes.livestate import Live
from iapeer.runtimes.records import Turn
from iapeer.runtimes.screen import View

UNTOLD_LIMIT_MS = 600_000


@dataclass(frozen=True, slots=True)
class Sight:
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


def blocked(sight: Sight, now_ms: int) -> str | None:
    """Why the agent cannot take input: permission, question, login, quota, update, unknown-dialog. None: it can."""
    if sight.live is not None and sight.live.status == "waiting":
        return sight.screen.blocked or sight.live.reason
    dialog_counts = not speaks(sight) or sight.screen.composer is None
    if sight.screen.dialog and dialog_counts:
        return sight.screen.blocked or "unknown-dialog"
    if _logged_out(sight):
        return "login"
    return "quota" if quota_until_ms(sight.turn) > now_ms else None


def _logged_out(sight: Sight) -> bool:
    """Whether the screen says so, or the last turn failed of it; not against the program's own word."""
    failed = sight.turn.reason == "login" and sight.logged_in is False
    return failed or (sight.screen.blocked == "login" and sight.logged_in is not True)


def quota_until_ms(turn: Turn) -> int:
    """When the limit that ended the last turn is over, wall time in milliseconds; 0 where none did.

    Where the program does not tell it, a limit counts for a while, and is then tried again by the next message.
    """
    if turn.reason != "quota":
        return 0
    return turn.reset * 1000 if turn.reset is not None else turn.closed - turn.set_back + UNTOLD_LIMIT_MS


def speaks(sight: Sight) -> bool:
    """Whether the live state says what the agent is doing."""
    return sight.live is not None and sight.live.status != "loading"


def busy(sight: Sight) -> bool:
    """Whether a turn is open."""
    if sight.live is not None and sight.live.status != "loading":
        return sight.live.status == "busy"
    if sight.recorded:
        return sight.turn.open
    return sight.screen.busy


def works(sight: Sight) -> bool:
    """Whether a turn is open: also one that waits for a person."""
    waits = sight.turn.open and sight.live is not None and sight.live.status == "waiting"
    return busy(sight) or waits


def background(sight: Sight) -> bool:
    """Whether work goes on beside the closed turn."""
    return sight.live is not None and sight.live.status == "background"


def obstacle(sight: Sight, now_ms: int) -> str | None:
    """Why nothing may be typed right now; None: the composer is free."""
    if not sight.foreground:
        return "not-the-agent"
    reason = blocked(sight, now_ms)
    if reason is not None:
        return reason if reason in {"login", "quota"} else "dialog"
    if busy(sight):
        return "busy"
    if sight.screen.composer is None:
        return "no-composer"
    if sight.screen.composer:
        return "draft"
    return "copy-mode" if sight.in_mode else None


def activity(sight: Sight, now_ms: int) -> tuple[str, str | None]:
    """(idle | busy | blocked, the reason when blocked) as people see it."""
    if not sight.foreground:
        return "blocked", "not-the-agent"
    reason = blocked(sight, now_ms)
    if reason is not None:
        return "blocked", reason
    if busy(sight):
        return "busy", None
    why = obstacle(sight, now_ms)
    if why == "draft" and not sight.ours:
        return "blocked", "draft"
    if why == "no-composer":
        return "blocked", "unknown-dialog"
    return "idle", None
