"""Read points in time as people write them: `--at`, `--delay`, `--expires`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from iapeer.model.errors import Usage
from iapeer.wording.text import visible
from iapeer.wording.times import seconds

_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?")


def times(at: str | None, delay: str | None, expires: str | None, now: float) -> dict[str, int]:
    """Make the API's `at_ms` and `expires_ms` of the options that were given. `now` is in seconds since 1970.

    The time until a message expires counts from when it may first be delivered.
    """
    if at is not None and delay is not None:
        raise Usage("Give --at or --delay, not both.")
    fields: dict[str, int] = {}
    if at is not None:
        fields["at_ms"] = moment_ms(at, now)
    if delay is not None:
        fields["at_ms"] = int((now + seconds(delay)) * 1000)
    if expires is not None:
        fields["expires_ms"] = fields.get("at_ms", int(now * 1000)) + int(seconds(expires) * 1000)
    return fields


def moment_ms(text: str, now: float) -> int:
    """Read `HH:MM` (the next such local time) or an ISO date or date-time, as milliseconds since 1970."""
    try:
        clock = _CLOCK.fullmatch(text)
        moment = _next(clock, now) if clock else datetime.fromisoformat(text)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise Usage(
            f"'{visible(text)}' is not a time: write 18:30, 2030-01-31, or 2030-01-31T18:30 (+02:00 or Z for a zone).",
            code="bad-time",
        ) from None


def _next(clock: re.Match[str], now: float) -> datetime:
    today = datetime.fromtimestamp(now)
    hour, minute, second = (int(part or 0) for part in clock.groups())
    moment = today.replace(hour=hour, minute=minute, second=second, microsecond=0, fold=0)
    return moment if moment.timestamp() > now else moment + timedelta(days=1)
