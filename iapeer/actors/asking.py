"""What a worker's questions ask of others: whether who asked still lives, and whether a peer is such a worker."""

from __future__ import annotations

from iapeer.peers.profile import Profile
from iapeer.store import ANSWER, Row, Store


def is_worker(profile: Profile | None) -> bool:
    """Whether every message to the peer gets a fresh session of its own; not by a profile that cannot be read."""
    return profile is not None and profile.wake_policy == "ephemeral"


def asks_still(store: Store, identity: str, question: str) -> bool:
    """Whether the session of this identity that sent `question` lives."""
    last = store.sessions.last(identity)
    return last is not None and last.ended_ms is None and store.events.came_after(question, last)


def is_orphan(store: Store, identity: str, row: Row) -> bool:
    """Whether the row is an answer to a session of this identity that has ended."""
    return row.priority == ANSWER and not (row.re is not None and asks_still(store, identity, row.re))
