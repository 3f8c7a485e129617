"""Show a peer's inbox."""

from __future__ import annotations

from typing import Any

from iapeer.client.call import call, url
from iapeer.terminal import output
from iapeer.wording import times
from iapeer.wording.standing import stands

_ROOMY = 110  # columns that an inbox needs for its states and texts to be read in columns


def show_inbox(peer: str, rows: list[dict[str, Any]], more: int) -> None:
    """Print the rows; `more` is how many there are beside them."""
    if not rows:
        output.say(f"The inbox of {peer} is empty.")
        return
    several = len({row["identity"] for row in rows}) > 1
    headers = ("ID", "SENT", "FROM", *(["TO"] if several else []), "STATE", "TEXT")
    cells = [_cells(row, peer, several) for row in rows]
    if (output.columns() or _ROOMY) < _ROOMY:
        _show_narrowly(cells)
    else:
        output.table(headers, cells, whole=2)
    if more:
        output.say(f"... and {more} more, between the oldest and the newest.")
    if any((row["state"], row["reason"]) == ("held", "guard") for row in rows):
        _show_failing(call("GET", url("peers", peer))["peer"])


def _show_narrowly(rows: list[tuple[str, ...]]) -> None:
    """Print without columns: a state of eight letters' width cannot be read."""
    for *first, state, text in rows:
        output.say("  ".join(first))
        output.say_folded(f"    {state}", 4)
        output.say_folded(f"    {text}", 4)


def _show_failing(peer: dict[str, Any]) -> None:
    """Say which runtimes the guard holds up, and until when."""
    for entry in peer["runtimes"]:
        blocked = entry["blocked_on"] or {}
        if blocked.get("reason") == "guard":
            until = times.lately(blocked["until"])
            output.say_folded(
                f"{entry['identity']} is failing (guard), and tried again at {until}: {blocked['text']}", 0
            )


def _cells(row: dict[str, Any], peer: str, several: bool) -> tuple[str, ...]:
    to = [row["identity"]] if several else []
    where = stands(row, peer)
    return row["message"], times.lately(row["created_ms"]), row["from"], *to, where, row["preview"]
