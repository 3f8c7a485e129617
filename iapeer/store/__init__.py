"""The only place with SQL: what is durable, and what comes out of it."""

from iapeer.store.errors import IllegalStep, StaleLease
from iapeer.store.queries import INFORMATIONAL, OPERATOR, SYSTEM
from iapeer.store.rows import JSON, Event, NewMessage, Peer, Row, Session
from iapeer.store.store import Store

__all__ = [
    "INFORMATIONAL", "JSON", "OPERATOR", "SYSTEM", "Event", "IllegalStep", "NewMessage", "Peer", "Row", "Session",
    "StaleLease", "Store",
]  # fmt: skip
