"""Supervises background duties: one that ends or raises is an event, is counted, and is begun again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from iapeer.api.household import DutyState
from iapeer.model.clock import Clock
from iapeer.model.errors import PeerError
from iapeer.model.timing import ServerWaits
from iapeer.testing import faults

Work = Callable[[Callable[[], None]], Awaitable[None]]  # goes on for ever; calls its argument whenever it made progress
log = logging.getLogger("iapeer.duties")


def _nobody(_error: str) -> None:
    """Nobody else hears of it."""


@dataclass
class Duty:
    """One duty. `quiet_s`: longer without progress means that something is wrong; None: it waits until it is needed.

    `failed` is called with what went wrong, whenever it fails.
    """

    name: str
    work: Work
    quiet_s: float | None
    failed: Callable[[str], None]
    since: float  # when it was taken on; monotonic seconds, as are all of its times
    progress: float | None = None
    failures: int = 0  # since the daemon's start
    error: str | None = None  # of the last failure, until it makes progress again
    again: float | None = None  # when it is begun again; None while it runs

    def silent_s(self, now: float) -> float | None:
        """The seconds without progress, where they are too many; None where they are not."""
        silent = now - (self.since if self.progress is None else self.progress)
        return silent if self.quiet_s is not None and silent > self.quiet_s else None


class Duties:
    """All duties of one daemon. `tell(ev, **fields)` puts an event on record."""

    def __init__(self, clock: Clock, tell: Callable[..., object], waits: ServerWaits) -> None:
        self._clock = clock
        self._tell = tell
        self._waits = waits
        self._all: dict[str, Duty] = {}

    def add(self, name: str, work: Work, quiet_s: float | None, failed: Callable[[str], None] = _nobody) -> None:
        """Take on `work`, which `run` begins. `quiet_s` and `failed` are those of a Duty."""
        self._all[name] = Duty(name, work, quiet_s, failed, self._clock.monotonic())

    async def run(self) -> None:
        """Keep all of them up until cancelled."""
        await asyncio.gather(*(self._keep_up(duty) for duty in self._all.values()))

    def note_stray(self, _: object, context: Mapping[str, Any]) -> None:
        """Tell of what failed outside of any duty, with nobody waiting for it: asyncio's handler of exceptions.

        A task or callback of ours is an event too; a connection is not, for its other end may make any number fail.
        """
        raised = context.get("exception")
        error = _described(raised) if raised is not None else str(context["message"])
        log.error("%s: %s\n%s", context["message"], error, _frames(raised) if raised is not None else "")
        if context.keys() & {"task", "future", "handle"}:
            with contextlib.suppress(PeerError):
                self._tell("stray_failure", error=error)

    def states(self) -> list[DutyState]:
        """How each of them is, with its last progress and what is wrong with it."""
        return [
            {
                "name": duty.name, "progress_ms": self._wall_ms(duty.progress), "failures": duty.failures,
                "error": duty.error, "again_ms": self._wall_ms(duty.again), "problem": self._problem(duty),
            }
            for duty in self._all.values()
        ]  # fmt: skip

    def _wall_ms(self, moment: float | None) -> int | None:
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
        pause = self._waits.duty_first
        while True:
            began = self._clock.monotonic()
            error, trace = await self._fail(duty)
            if self._clock.monotonic() - began > self._waits.duty_well:
                pause = self._waits.duty_first
            self._note(duty, error, trace, pause)
            await asyncio.sleep(pause)
            duty.again = None
            pause = min(self._waits.duty_most, pause * 2)

    async def _fail(self, duty: Duty) -> tuple[str, str]:
        """Do the duty until it fails; (what of, the frames that led there)."""
        try:
            faults.raise_here(f"duty:{duty.name}")
            await duty.work(lambda: self._made_progress(duty))
        except asyncio.CancelledError as cancelled:
            if is_cancelled():
                raise
            return "something that it waited for was cancelled", _frames(cancelled)
        except Exception as raised:  # noqa: BLE001 - the duties' loop top: one that fails must not go in silence
            return _described(raised), _frames(raised)
        return "it ended", ""

    def _made_progress(self, duty: Duty) -> None:
        duty.progress, duty.error = self._clock.monotonic(), None

    def _note(self, duty: Duty, error: str, trace: str, pause: float) -> None:
        """Count a failure, and tell of it: in the log, and as an event if the store takes one."""
        duty.failures += 1
        duty.error, duty.again = error, self._clock.monotonic() + pause
        log.error("duty %s failed, is begun again in %g s: %s\n%s", duty.name, pause, error, trace)
        duty.failed(error)
        try:
            self._tell("duty_failed", duty=duty.name, error=error, failures=duty.failures, again_s=pause)
        except PeerError as refused:
            log.error("duty_failed could not be put on record: %s", refused)


def is_cancelled() -> bool:
    """Whether somebody cancelled the current task itself, not only what it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _frames(error: BaseException) -> str:
    return "".join(traceback.format_tb(error.__traceback__))


def _described(error: BaseException) -> str:
    """An error's type and place, and its words where they are ours or the system's: others may be mail."""
    words = f": {error}" if isinstance(error, PeerError | ImportError | OSError) else ""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{words}{place}"[:300]
