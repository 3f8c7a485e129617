"""Say how a runtime of a peer is, and why, in a few words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from iapeer.wording import causes, times

_AT = 24  # characters of what a peer works on, in a list
_FLAGS = {"ending": "armed", "attached": "attached", "refresh": "refresh"}
_STARTING = "starting"
_RESTS_S = 60  # idle for less is just idle


def starred(entry: dict[str, Any], peer: dict[str, Any]) -> str:
    """Name a runtime; the default one with a star."""
    return str(entry["runtime"]) + ("*" if entry["runtime"] == peer["default_runtime"] else "")


def peer_standing(peer: dict[str, Any], entry: dict[str, Any]) -> str:
    """Say how a runtime is, with what concerns the whole peer."""
    nothing = ", no result" if gave_nothing(peer, entry) else ""
    return standing(entry) + nothing + (", unconfirmed" if peer.get("unconfirmed") else "")


def standing(entry: dict[str, Any]) -> str:
    """Say how a runtime is, without what concerns the whole peer."""
    if entry["status"] == "live":
        return ", ".join(["live", *_doing(entry)])
    why = _asleep(entry) if entry["status"] == "asleep" else _tried_again(entry) if entry["status"] == "failing" else ""
    return str(entry["status"]) + (f" ({why})" if why else "") + (", refresh" if entry.get("refresh") else "")


def is_starting(entry: dict[str, Any]) -> bool:
    """Whether a session of this runtime has been begun and is not up yet."""
    return _asleep(entry) == _STARTING


def gave_nothing(peer: dict[str, Any], entry: dict[str, Any]) -> bool:
    """Whether a worker's session is at rest without a result: what waits begins when it has ended."""
    begun = entry.get("last_wake") or {"mode": None, "took": False}
    resting = entry["status"] == "live" and entry["activity"] == "idle"
    taken = entry.get("armed") or entry.get("task")
    return resting and not taken and peer["wake_policy"] == "ephemeral" and begun["mode"] == "fresh" and begun["took"]


def _doing(entry: dict[str, Any]) -> Iterator[str]:
    """Say what a session does."""
    blocked, task = entry.get("blocked_on"), entry.get("task")
    if blocked:
        until = f" until {times.lately(blocked['until'])}" if blocked.get("until") else ""
        yield f"{entry['activity'] or 'blocked'}: {blocked['reason']}{until}"
    elif (entry.get("last_wake") or {"ready_ms": 0})["ready_ms"] is None:
        yield _STARTING
    elif entry["activity"] == "busy" and task:
        yield f"busy: {_cut(task['preview'])}"
    elif entry["activity"] == "idle" and (rests := _rests(entry)):
        yield f"idle for {rests}"
    elif entry["activity"]:
        yield entry["activity"]
    yield from (word for word, flag in _FLAGS.items() if entry.get(flag))


def _cut(text: str) -> str:
    return text if len(text) <= _AT else text[: _AT - 3] + "..."


def _rests(entry: dict[str, Any]) -> str:
    millis = entry.get("last_active_ms")
    seconds = time.time() - millis / 1000 if millis is not None else 0.0
    return times.span(seconds) if seconds >= _RESTS_S else ""


def _asleep(entry: dict[str, Any]) -> str:
    """Say since when and why it sleeps."""
    if entry.get("last_end"):
        return f"{causes.ended_shortly(entry['last_end'])} {times.ago(entry['last_end']['at_ms'])}"
    if entry.get("last_wake"):
        return _STARTING
    return "never ran" if "last_wake" in entry else ""


def _tried_again(entry: dict[str, Any]) -> str:
    """Say what keeps it down, and for how long yet."""
    blocked = entry.get("blocked_on") or {"reason": "", "until": None}
    left = f", again in {times.span(blocked['until'] / 1000 - time.time())}" if blocked["until"] else ""
    return f"{blocked['reason']}{left}"
