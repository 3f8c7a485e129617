"""The guard: an identity whose sessions keep dying is left down for a while. Pure; all times are monotonic seconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from iapeer.model.causes import EndCause, WakeCause
from iapeer.model.timing import GuardWaits
from iapeer.store import SessionRecord

# Ends that nobody decided; every other one is policy.
DEATHS = frozenset({EndCause.EXIT, EndCause.LOST, EndCause.LAUNCH_FAILED})
LIMIT = 3  # so many deaths within a window, and it is left down
REMEMBERED = 32  # sessions that a new daemon looks back on
_ASKED = frozenset({WakeCause.NEW, WakeCause.FOLDER_LAUNCH})  # wakes that begin anew


@dataclass(frozen=True, slots=True)
class Guard:
    """What is known of an identity's deaths. A value: what happens to it makes another one.

    `ring`: the deaths of the last 300 s. `waits`: how often it was left down since it last lived for 300 s.
    `backoff_until`: when it may be tried again. `error`: what the last death said.
    """

    ring: tuple[float, ...] = ()
    waits: int = 0
    backoff_until: float | None = None
    error: str | None = None

    @property
    def failures(self) -> int:
        """How many deaths count together."""
        return LIMIT - 1 + self.waits if self.waits else len(self.ring)

    def holds(self, now: float) -> bool:
        """Whether it is to be left down now."""
        return self.backoff_until is not None and now < self.backoff_until

    def left(self, now: float) -> float:
        """Seconds until it may be tried."""
        return max(0.0, self.backoff_until - now) if self.backoff_until is not None else 0.0

    def died(self, now: float, lived_s: float, error: str, waits: GuardWaits) -> Guard:
        """One more death, of a session that lived so long.

        The third within 300 s makes it wait 30 s, each further one twice as long, at most 10 minutes. 300 s alive, or
        300 s after a wait in which nothing died, and it begins anew.
        """
        over = self.backoff_until is not None and now - self.backoff_until > waits.window
        before = Guard() if over or lived_s >= waits.window else self
        ring = (*(when for when in before.ring if now - when <= waits.window), now)
        if not before.waits and len(ring) < LIMIT:
            return Guard(ring, error=error)
        wait = min(waits.most, waits.first * 2.0 ** min(10, before.waits))
        return Guard(ring, before.waits + 1, now + wait, error)


def recalled(sessions: Iterable[SessionRecord], boot: str | None, now: float, now_ms: int, waits: GuardWaits) -> Guard:
    """The guard of a daemon that saw these sessions of one identity, oldest first, end. `now_ms`: wall time.

    A session that began while the guard held was asked for by a person, who wants what was before forgotten. Ends of
    before the host's boot do not count, nor those that a clock set back since puts in the future.
    """
    guard = Guard()
    for session in sessions:
        began = now - (now_ms - session.started_ms) / 1000
        if session.cause in _ASKED or guard.holds(began + waits.clocks):
            guard = Guard()
        if (
            session.ended_ms is None
            or session.ended_ms > now_ms
            or session.boot_id not in (None, boot)
            or not is_death(session)
        ):
            continue
        guard = guard.died(
            now - (now_ms - session.ended_ms) / 1000,
            (session.ended_ms - session.started_ms) / 1000,
            words(session),
            waits,
        )
    return guard


def is_death(ended: SessionRecord) -> bool:
    """Whether the end of a session counts. A start that failed before a person's eyes is that person's affair."""
    return ended.end_cause in DEATHS and not (ended.cause == WakeCause.FOLDER_LAUNCH and ended.ready_ms is None)


def words(ended: SessionRecord) -> str:
    """How a session died, as its record has it. Its screen is shown only if it never took a message."""
    if ended.ready_ms is not None:
        return f"the agent ended ({how(ended.exit_code, ended.signal)})"
    said = f"the agent ended while starting ({how(ended.exit_code, ended.signal)})"
    return f"{said}: {tail}" if (tail := tail_of(ended.last_screen or "")) else said


def how(exit_code: int | None, signal: int | None) -> str:
    """How a process ended."""
    if signal is not None:
        return f"signal {signal}"
    return f"exit code {exit_code}" if exit_code is not None else "cause unknown"


def tail_of(screen: str) -> str:
    """The end of a screen, on one line."""
    return " / ".join(line.strip() for line in screen.splitlines() if line.strip())[-160:]
