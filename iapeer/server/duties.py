"""Background duties, supervised: one that raises is told, counted and begun again; none of them ends in silence."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from iapeer.model.clock import Clock
from iapeer.model.errors import PeerError
from iapeer.model.timing import ServerWaits
from iapeer.testing import faults

Work = Callable[[Callable[[], None]], Awaitable[None]]  # goes on for ever, and calls what it is given when it gets on
log = logging.getLogger("iapeer.duties")


def _nobody(_error: str) -> None:
    """Nobody else hears of it."""


@dataclass
class Duty:
    """One of them. `quiet_s`: without progress for longer something is wrong; None: it waits until it is needed."""

    name: str
    work: Work
    quiet_s: float | None
    failed: Callable[[str], None]
    begun: float  # monotonic seconds, as are all of its times
    progress: float | None = None
    failures: int = 0  # since the daemon's start
    error: str | None = None  # of the last failure, until it gets on again
    again: float | None = None  # when it is begun again; None while it runs

    def silent_s(self, now: float) -> float | None:
        """For how many seconds it has made no progress, where that is too long; None where it is not."""
        silent = now - (self.begun if self.progress is None else self.progress)
        return silent if self.quiet_s is not None and silent > self.quiet_s else None


class Duties:
    """All of one daemon. `tell(ev, **fields)` puts an event on record."""

    def __init__(self, clock: Clock, tell: Callable[..., object], waits: ServerWaits) -> None:
        self._waits = waits
        self._clock = clock
        self._tell = tell
        self._all: dict[str, Duty] = {}

    def add(self, name: str, work: Work, quiet_s: float | None, failed: Callable[[str], None] = _nobody) -> None:
        """Take on `work`, which `run` begins. `failed` is called with what went wrong, whenever it does."""
        self._all[name] = Duty(name, work, quiet_s, failed, self._clock.monotonic())

    def __iter__(self) -> Iterator[Duty]:
        return iter(self._all.values())

    async def run(self) -> None:
        """Keep all of them up until cancelled."""
        await asyncio.gather(*(self._keep_up(duty) for duty in self._all.values()))

    def problems(self) -> list[tuple[str, str]]:
        """What is wrong with them: names and sentences."""
        sentences = ((duty.name, self._problem(duty)) for duty in self)
        return [(name, sentence) for name, sentence in sentences if sentence]

    def wall_ms(self, moment: float | None) -> int | None:
        """A monotonic moment as milliseconds since 1970."""
        if moment is None:
            return None
        return round((self._clock.wall() + moment - self._clock.monotonic()) * 1000)

    def _problem(self, duty: Duty) -> str | None:
        if duty.error is not None:
            again = max(0.0, (duty.again or 0.0) - self._clock.monotonic())
            when = f"in {again:.0f} s" if duty.again is not None else "now"
            return f"It failed, {duty.failures} times by now ({duty.error}): it is begun again {when}."
        silent = duty.silent_s(self._clock.monotonic())
        return f"It has done nothing for {silent:.0f} s: `iapeer daemon restart` if that goes on." if silent else None

    async def _keep_up(self, duty: Duty) -> None:
        pauses = self._waits.duty_first
        while True:
            began = self._clock.monotonic()
            try:
                faults.raise_here(f"duty:{duty.name}")
                await duty.work(lambda: self._gets_on(duty))
                error, trace = "it ended", ""
            except Exception as raised:  # noqa: BLE001 - the duties' loop top: one that fails must not go in silence
                error, trace = _described(raised), "".join(traceback.format_tb(raised.__traceback__))
            if self._clock.monotonic() - began > self._waits.duty_well:
                pauses = self._waits.duty_first
            self._note(duty, error, trace, pauses)
            await asyncio.sleep(pauses)
            duty.again = None
            pauses = min(self._waits.duty_most, pauses * 2)

    def _gets_on(self, duty: Duty) -> None:
        duty.progress, duty.error = self._clock.monotonic(), None

    def _note(self, duty: Duty, error: str, trace: str, pause: float) -> None:
        """Count a failure, and tell it: in the log, and as an event, if the store takes one."""
        duty.failures += 1
        duty.error, duty.again = error, self._clock.monotonic() + pause
        log.error("duty %s failed, is begun again in %g s: %s\n%s", duty.name, pause, error, trace)
        duty.failed(error)
        try:
            self._tell("duty_failed", duty=duty.name, error=error, failures=duty.failures, again_s=pause)
        except PeerError as refused:
            log.error("duty_failed could not be put on record: %s", refused)


def _described(error: Exception) -> str:
    """An error's type and place; its words only where they are ours or the system's: others may be mail."""
    words = f": {error}" if isinstance(error, PeerError | ImportError | OSError) else ""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{words}{place}"[:300]
