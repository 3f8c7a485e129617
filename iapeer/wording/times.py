"""Points and lengths of time as people write and read them, and as logs have them. Imports are few: `send` pays."""

from __future__ import annotations

import time

from iapeer.model.errors import Usage
from iapeer.wording.text import visible

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def span(seconds: float) -> str:
    """Write a length of time in its largest unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def ago(millis: int | None, now: float | None = None) -> str:
    """Say how long ago a moment (milliseconds since 1970) was; nothing for None. `now` is in seconds."""
    return "" if millis is None else f"{span((time.time() if now is None else now) - millis / 1000)} ago"


def moment(millis: int | None) -> str:
    """Write a point in time, local, to the second; nothing for None."""
    return "" if millis is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(millis // 1000))


def lately(millis: int) -> str:
    """Write a point in time, local, in few letters: of today to the second, else day and minute."""
    then = time.localtime(millis // 1000)
    return time.strftime("%H:%M:%S" if then[:3] == time.localtime()[:3] else "%Y-%m-%d %H:%M", then)


def stamp(millis: int) -> str:
    """Write a point in time as logs have it: UTC, to the millisecond."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(millis // 1000)) + f".{millis % 1000:03d}Z"


def took(millis: float) -> str:
    """Write a length of time exactly enough to compare: 350 ms, 2.1 s, 3 min, 1 h 5 min."""
    if millis < 1000:
        return f"{millis:.0f} ms"
    if millis < 60_000:
        return f"{millis / 1000:.1f} s"
    minutes = int(millis // 60_000)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def seconds(text: str) -> float:
    """Read a duration as people write it: `10`, `10s`, `1.5m`, `1h`, `2d`. Usage for anything else."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    whole, _, part = number.partition(".")
    if not (number.isascii() and whole.isdigit() and (part.isdigit() or number == whole) and len(number) < 12):
        raise Usage(f"'{visible(text)}' is not a duration: write 10, 10s, 5m, 1h or 2d.", code="bad-duration")
    return float(number) * _UNITS[unit]
