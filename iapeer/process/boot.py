"""Which boot of the machine this is: the numbers of processes before it are others' by now."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil


def boot_id() -> str:
    """A word that changes with every boot of the machine."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return str(int(psutil.boot_time()))
