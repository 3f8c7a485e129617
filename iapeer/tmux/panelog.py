"""The log of what a pane shows. One `cat` writes it, and the kernel ends that at the log's bound, whatever the pane
does; then the log is turned: the file gets another name, and the next `cat` begins a new one.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from pathlib import Path

from iapeer.tmux.quote import untimed

LOG_BYTES = 5 << 20
_BLOCK = 512  # bytes; what `ulimit -f` counts in
_FULL = 0.75  # of its bound: it is turned before its writer is ended


def writer(log: Path, most: int) -> str:
    """The command for `pipe-pane`: appends, and is ended, without a core file, when the file has `most` bytes."""
    bound = f"ulimit -c 0; ulimit -f {max(1, most // _BLOCK)}; "
    return bound + "exec cat >>" + untimed(shlex.quote(str(log)))


def is_full(log: Path, most: int) -> bool:
    """Whether it is time to turn the log."""
    try:
        return log.stat().st_size > most * _FULL
    except OSError:
        return False


def turn(log: Path) -> None:
    """Put the log aside, in the place of the one before, and begin a private one; no error where that cannot be."""
    aside, new = log.with_name(f"{log.name}.1"), log.with_name(f"{log.name}.new")
    with contextlib.suppress(OSError):
        begin(new)
        aside.unlink(missing_ok=True)
        aside.hardlink_to(log)
        new.replace(log)  # there is a log at any moment, for who reads it


def begin(log: Path) -> None:
    """Make the log, private, if it is not there. OSError where that cannot be."""
    os.close(os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600))
