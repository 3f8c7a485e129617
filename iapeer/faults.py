"""Named fault points: where tests kill the daemon.

IAPEER_FAULT=NAME kills the process with SIGKILL when it comes to that point. Only tests set it. POINTS are those of a
delivery; `command:pasted` is between a command and its Enter.
"""

from __future__ import annotations

import os
import signal

POINTS = tuple(
    f"{step}:{side}"
    for step in ("lease", "paste", "enter", "proof", "commit", "answer")
    for side in ("before", "after")
)


def point(name: str) -> None:
    """Die here if this is the point that was asked for."""
    if os.environ.get("IAPEER_FAULT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
