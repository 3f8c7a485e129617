"""The two log files, in logfmt: one line a decision, one line a step of a delivery. Never a body."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.handlers
import os
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path

from iapeer.paths.layout import rotated
from iapeer.paths.settings import Settings
from iapeer.store import Event
from iapeer.wording import logfmt
from iapeer.wording.times import stamp


def lines_of(events: Sequence[Event]) -> list[str]:
    """Write each event as a line of logfmt: ts, ev, peer, then its other fields."""
    times = [stamp(event.ts) for event in events]
    others = [event.flat() for event in events]
    for fields in others:
        del fields["ts"], fields["ev"], fields["personality"]
    return [
        logfmt.write({"ts": time, "ev": event.ev, "peer": event.personality, **fields})
        for time, event, fields in zip(times, events, others, strict=True)
    ]


class Logs:
    """An observer of the store that writes `delivery.log` (events of messages) and `lifecycle.log` (all others).

    Lines are written a few at a time, outside the acts that they tell of: the store has the events already.
    """

    def __init__(self, folder: Path, settings: Settings, flush_s: float) -> None:
        self._delivery = _logger(folder / "delivery.log", settings)
        self._lifecycle = _logger(folder / "lifecycle.log", settings)
        self._flush_s = flush_s  # until what came is written
        self._pending: list[Event] = []
        self._came = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self._pending.append(event)
        self._came.set()

    async def keep_writing(self, progressed: Callable[[], None]) -> None:
        """Write what comes, for ever, and call `progressed` whenever it is written."""
        while True:
            await self._came.wait()
            self._came.clear()
            await asyncio.sleep(self._flush_s)
            self.flush()
            progressed()

    def flush(self) -> None:
        """Write what has come together."""
        pending, self._pending = self._pending, []
        for logger, mine in ((self._delivery, True), (self._lifecycle, False)):
            events = [event for event in pending if bool(event.message) is mine]
            if events:
                logger.info("%s", "\n".join(lines_of(events)))

    def close(self) -> None:
        """Write the rest and close the files."""
        self.flush()
        for logger in (self._delivery, self._lifecycle):
            for handler in list(logger.handlers):
                handler.close()
                logger.removeHandler(handler)


class _Rotating(logging.handlers.RotatingFileHandler):
    """Every file that it makes is private; one that was removed is made anew with the next line."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:
        if self.stream is not None and not Path(self.baseFilename).exists():
            self.stream.close()
            self.stream = self._open()
        return bool(super().shouldRollover(record))

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "a", encoding=self.encoding)


def _logger(path: Path, settings: Settings) -> logging.Logger:
    _forget_older(path, settings.log_files)
    logger = logging.Logger(path.stem, logging.INFO)  # not in the registry: two roots in one process stay apart
    try:
        handler = _Rotating(path, maxBytes=settings.log_bytes, backupCount=settings.log_files, encoding="utf-8")
    except OSError:  # a full disk must not keep the daemon from starting: it goes on without this log
        logger.addHandler(logging.NullHandler())
        return logger
    handler.handleError = _ignore  # type: ignore[method-assign]
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    return logger


def _forget_older(log: Path, kept: int) -> None:
    """Remove the rotated files beyond `kept`: the setting was lowered, and nothing else would ever remove them."""
    for path in rotated(log):
        if int(path.suffix[1:]) > kept:
            with contextlib.suppress(OSError):
                path.unlink()


def _ignore(record: logging.LogRecord) -> None:
    """A log that cannot be written breaks neither a wake nor a delivery."""
