"""Bounds what the daemon says on its standard error: so many records in a while, so many bytes in its file."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import sys
from pathlib import Path

from iapeer.model.clock import Clock
from iapeer.tmux import panelog

_FORMAT = "%(asctime)s %(name)s %(message)s"
RECORDS, PERIOD_S = 60, 10.0  # so many in so long; a traceback counts as one
LONGEST = 16_384  # characters of one of them


class Rationed(logging.Filter):
    """Leaves out the records that come too fast, and says how many they were."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._since = clock.monotonic()
        self._passed = self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if self._clock.monotonic() - self._since > PERIOD_S:
            if self._left_out:
                record.msg, record.args = f"({self._left_out} more were left out) {record.getMessage()}", ()
            self._since, self._passed, self._left_out = self._clock.monotonic(), 0, 0
        passes = self._passed < RECORDS
        self._passed += passes
        self._left_out += not passes
        return passes


class _Short(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return super().format(record)[:LONGEST]


def speak_on_stderr(clock: Clock) -> None:
    """Write the warnings and errors of this process to its standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Short(_FORMAT))
    handler.addFilter(Rationed(clock))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


def turn_own_output(path: Path, most: int) -> None:
    """Rotate the file at `path` if it is our standard error and over `most` bytes. Replace one that was deleted."""
    with contextlib.suppress(OSError):
        said = os.fstat(2)
        deleted = stat.S_ISREG(said.st_mode) and said.st_nlink == 0
        if not deleted and (said.st_size <= most or not os.path.samestat(said, path.stat())):
            return
        if not deleted:
            panelog.turn(path)
        new = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for descriptor in (1, 2):
            if os.path.samestat(os.fstat(descriptor), said):
                os.dup2(new, descriptor)
        os.close(new)
