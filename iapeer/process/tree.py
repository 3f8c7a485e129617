"""Who started whom."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import psutil

from iapeer.process.liveness import stat_fields


def ancestors(pid: int) -> list[int]:
    """The process' parents, nearest first, itself included."""
    line: list[int] = []
    while pid > 0 and pid not in line:
        line.append(pid)
        pid = _parent(pid)
    return line


def children(pid: int) -> list[int]:
    """The processes that this one started and that live."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # many times as fast as psutil, which reads of every process there is
            lists = [(task / "children").read_bytes() for task in Path(f"/proc/{pid}/task").iterdir()]
            return [int(child) for line in lists for child in line.split()]
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


def _parent(pid: int) -> int:
    """0 when there is none, or it cannot be told."""
    try:
        if sys.platform == "linux":
            return int(stat_fields(pid)[1])
        else:  # noqa: RET505 - mypy tells the platforms apart by it
            return psutil.Process(pid).ppid()
    except (OSError, psutil.NoSuchProcess):
        return 0
