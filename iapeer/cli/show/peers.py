"""Show all peers, one row a runtime."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from iapeer.cli.show.standing import gave_nothing, peer_standing, starred
from iapeer.terminal import output
from iapeer.terminal.streams import complain
from iapeer.wording.standing import queue


def show_peers(peers: list[dict[str, Any]]) -> None:
    """Print the table; what is wrong or unconfirmed is complained of below it."""
    if not peers:
        output.say("There is no peer yet: `iapeer init` in a folder makes one.")
        return
    output.table(("NAME", "RUNTIME", "STATUS", "QUEUE", "FOLDER"), [row for peer in peers for row in _rows(peer)])
    for peer in peers:
        if peer.get("problem"):
            complain(f"{peer['personality']}: {peer['problem']}")
        if peer.get("unconfirmed"):
            complain(f"{peer['personality']}: {_unconfirmed(peer)}")


def _unconfirmed(peer: dict[str, Any]) -> str:
    first, *more = peer["unconfirmed"]
    rest = f" and {len(more)} more" if more else ""
    return f"not confirmed, and does not count: {first}{rest}; `iapeer show {peer['personality']}` says more"


def _rows(peer: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    name, folder = peer["personality"], output.at_home(peer["cwd"])
    if peer.get("problem") or not peer["runtimes"]:
        yield name, None, "broken", None, folder
    for entry in peer["runtimes"]:
        yield (
            name,
            starred(entry, peer),
            peer_standing(peer, entry),
            queue(peer, entry, resting=gave_nothing(peer, entry)),
            folder,
        )
