"""Which files a process holds open."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil


def open_files(pid: int) -> list[str]:
    """The paths of the files that a process holds open; none where that cannot be told."""
    try:
        if sys.platform == "linux":
            targets = [_target(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
            return [path for path in targets if path.startswith("/")]
        else:  # noqa: RET505 - mypy tells the platforms apart by it
            return [file.path for file in psutil.Process(pid).open_files()]
    except (OSError, psutil.Error):
        return []


def _target(link: Path) -> str:
    """Where a link leads; nothing for one that is gone."""
    try:
        return os.readlink(link)  # noqa: PTH115 - some are no paths
    except OSError:
        return ""
