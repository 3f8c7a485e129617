"""Show the daemon and the counts of peers and messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from iapeer.terminal import output
from iapeer.wording import times


def show_status(answer: dict[str, Any]) -> None:
    """Print what GET /status answers; its daemon is None where none runs."""
    daemon = answer["daemon"]
    if daemon is None:
        line = "not running: the next command that needs it starts it"
    else:
        line = f"pid {daemon['pid']}, up {times.span(daemon['uptime_s'])}, managed by {daemon['managed_by']}"
    output.card(
        [
            ("iapeer", answer["version"]),
            ("daemon", line),
            ("socket", daemon and daemon["socket"]),
            ("tcp", daemon and daemon["tcp"]),
            ("TAKEN", daemon and _taken(daemon)),
            ("deaf", daemon and _deaf(daemon)),
            ("unwatched", daemon and daemon.get("unwatched")),
            ("store", answer["store"]),
            ("peers", daemon and _counts(answer["peers"])),  # without a daemon nobody has counted
            ("messages", daemon and _counts(answer["inbox"])),
            ("duties", _progress(answer.get("duties", ()))),
            *((f"duty {duty['name']}", duty["problem"]) for duty in answer.get("duties", ())),  # those that are unwell
        ]
    )


def _progress(duties: Sequence[dict[str, Any]]) -> str:
    """Say when each background duty last made progress."""
    return ", ".join(f"{duty['name']} {times.ago(duty['progress_ms']) or 'not yet'}" for duty in duties)


def _taken(daemon: dict[str, Any]) -> str:
    """Say who has the port that agents were told of."""
    taken = daemon.get("taken")
    if not taken:
        return ""
    from iapeer.api.otherend import in_words  # late: it hardly ever happens

    who = in_words(taken["uid"], taken["pid"])
    return f"PORT {taken['port']} IS TAKEN by {who}: restart the daemon once it is free (`iapeer daemon restart`)"


def _deaf(daemon: dict[str, Any]) -> str:
    """Say whose tools reach nobody."""
    names = ", ".join(daemon.get("deaf", ()))
    return f"{names}: send_to_peer reaches nobody, `iapeer send` works, `iapeer new PEER` mends it" if names else ""


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "none"
