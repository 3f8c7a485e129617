"""Named fault points: where tests kill the daemon, or let it fail.

IAPEER_FAULT=NAME kills the process with SIGKILL when it comes to that point; POINTS are those of a delivery, and
`command:pasted` is between a command and its Enter. IAPEER_FAULT_RAISES, some NAME*TIMES, raises at these points,
so often. Only tests set them.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

POINTS = tuple(
    f"{step}:{side}"
    for step in ("lease", "paste", "enter", "proof", "commit", "answer")
    for side in ("before", "after")
)


def point(name: str) -> None:
    """Die here if this is the point that was asked for."""
    if os.environ.get("IAPEER_FAULT") == name:
        os.kill(os.getpid(), signal.SIGKILL)


_raised: Counter[str] = Counter()


def raise_here(name: str) -> None:
    """Raise if this is one of the points that were asked for, and it has not been done as often as it was."""
    for wanted in os.environ.get("IAPEER_FAULT_RAISES", "").split():
        point_name, _, times = wanted.partition("*")
        if point_name == name and _raised[name] < int(times or 1):
            _raised[name] += 1
            raise ArithmeticError(f"words of {name}")
