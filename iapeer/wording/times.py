"""Points and lengths of time as people and logs read them."""

from __future__ import annotations

import time


def span(seconds: float) -> str:
    """A length of time in its largest unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def ago(millis: int | None, now: float | None = None) -> str:
    """How long ago that was."""
    return "" if millis is None else f"{span((time.time() if now is None else now) - millis / 1000)} ago"


def moment(millis: int | None) -> str:
    """A point in time, local, to the second."""
    return "" if millis is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(millis // 1000))


def lately(millis: int) -> str:
    """A point in time, local, in few letters: today's to the second, else day and minute."""
    then = time.localtime(millis // 1000)
    return time.strftime("%H:%M:%S" if then[:3] == time.localtime()[:3] else "%Y-%m-%d %H:%M", then)


def stamp(millis: int) -> str:
    """A point in time as logs have it: UTC, to the millisecond."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(millis // 1000)) + f".{millis % 1000:03d}Z"
