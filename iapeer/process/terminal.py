"""Where a process stands at its terminal, and under which name it shows there."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass

from iapeer.process.liveness import stat_fields


@dataclass(frozen=True, slots=True)
class Job:
    """A process's place at a terminal: its terminal, its process group, and the group that reads the terminal now."""

    tty: int
    group: int
    foreground: int


def job(pid: int) -> Job | None:
    """Where this process stands at its terminal; None when that cannot be told."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, IndexError):
            _, _, group, _, tty, foreground, *_ = stat_fields(pid)
            return Job(int(tty), int(group), int(foreground))
    return None


def shown_name(pid: int) -> str:
    """The name of a process as tmux shows it on Linux: of its first argument; nothing for one that is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:  # noqa: PTH123 - asked at every look
            first = file.read(4096).partition(b"\0")[0].decode(errors="replace")
    except OSError:
        return ""
    return first.lstrip(" -").partition(" ")[0].rpartition("/")[2]
