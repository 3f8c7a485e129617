"""Show one event on one line."""

from __future__ import annotations

from typing import Any

from iapeer.wording import times
from iapeer.wording.events import describe


def event_line(event: dict[str, Any]) -> str:
    """Write an event as people read it: when, what, whom; then its sentence if it has one, and the rest as logfmt."""
    rest = describe(event, ("ts", "ev", "personality", "identity"))
    who = event.get("identity") or event.get("personality") or "-"
    return f"{times.stamp(event['ts'])}  {event['ev']:<16} {who:<24} {rest}".rstrip()
