"""The only place with SQL: what is durable, and what comes out of it."""

from iapeer.store.errors import IllegalStep, StaleLease
from iapeer.store.inbox import ALL, PART
from iapeer.store.marks import ARMED, FRESH, PARKING, REFRESH
from iapeer.store.queries import INFORMATIONAL, SYSTEM
from iapeer.store.rows import ANSWER, JSON, URGENT, Event, NewMessage, Peer, Row, Session
from iapeer.store.standing import Standing, Task
from iapeer.store.store import Store

__all__ = [
    "ALL",
    "ANSWER",
    "ARMED",
    "FRESH",
    "INFORMATIONAL",
    "JSON",
    "PARKING",
    "PART",
    "REFRESH",
    "SYSTEM",
    "URGENT",
    "Event",
    "IllegalStep",
    "NewMessage",
    "Peer",
    "Row",
    "Session",
    "StaleLease",
    "Standing",
    "Store",
    "Task",
]  # fmt: skip
