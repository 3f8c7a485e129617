"""Where a message stands, what waits for a runtime, and what the next message would find."""

from __future__ import annotations

from typing import Any

from iapeer.wording.causes import waits, woken


def stands(row: dict[str, Any], peer: str) -> str:
    """Say where a message stands and why; from the second attempt on, how the one before ended."""
    again = f"; attempt {row['attempt']}" if (row["attempt"] or 1) > 1 else ""
    if row["state"] == "dead":  # its error tells of all attempts
        again = ""
    elif again and row.get("retried"):
        again += f", after: {row['retried']}"
    return f"{row['state']}{_because(row, peer)}{again}"


def _because(row: dict[str, Any], peer: str) -> str:
    reason = row["error"] or row["reason"]
    if not reason or reason == row["state"]:
        return ""
    return f": {waits(row['state'], str(reason), peer)}"


def queue(peer: dict[str, Any], entry: dict[str, Any], *, resting: bool) -> str:
    """Say what waits for one runtime, in a few words. `resting`: its session has to end before a task can begin."""
    held = entry.get("held") or 0
    free = (entry.get("waiting") or 0) - held
    draining = free and entry["status"] == "live" and peer["wake_policy"] == "ephemeral" and not resting
    parts = [f"{free} waiting" if free else "", f"{held} held: {entry.get('held_by')}" if held else ""]
    return ", ".join(part for part in ("draining" if draining else "", *parts) if part)


def outlook(wakes: list[dict[str, Any]], topics: list[str]) -> str:
    """Say what a message would find, from the API's outlook for one runtime that sleeps."""
    whose = {
        "person": "your message without a topic",
        "old-topic": f"one on {' or '.join(reversed(topics))}",
        "agent": "another agent's without a topic",
        "new-topic": "one on another topic" if topics else "one on any topic",
    }
    resuming = [whose[wake["whose"]] for wake in wakes if wake["mode"] == "resume"]
    fresh = [whose[wake["whose"]] for wake in wakes if wake["mode"] == "fresh"]
    if resuming and fresh:
        return f"resumes its conversation for {', or '.join(resuming)}; begins a fresh one for {', or '.join(fresh)}"
    return f"for any message, {woken(wakes[0]['mode'], wakes[0]['cause'])}" if wakes else ""
