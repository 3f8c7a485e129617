"""The only place with SQL: what is durable, and what comes out of it."""

from iapeer.store.consents import ALL_PEERS, ALL_RUNTIMES, Consent
from iapeer.store.errors import IllegalStep, StaleLease
from iapeer.store.flags import ARMED, FRESH, PARKING, REFRESH, STOPPED
from iapeer.store.inbox import PART
from iapeer.store.migrations import ADOPT
from iapeer.store.queries import ALL, INFORMATIONAL, RETURNED, SYSTEM
from iapeer.store.rows import ANSWER, JSON, URGENT, Activation, Event, NewMessage, Peer, Row, SessionRecord
from iapeer.store.status import IdentityRecord, InFlight
from iapeer.store.store import Store

__all__ = [
    "ADOPT",
    "ALL",
    "ALL_PEERS",
    "ALL_RUNTIMES",
    "ANSWER",
    "ARMED",
    "FRESH",
    "INFORMATIONAL",
    "JSON",
    "PARKING",
    "PART",
    "REFRESH",
    "RETURNED",
    "STOPPED",
    "SYSTEM",
    "URGENT",
    "Activation",
    "Consent",
    "Event",
    "IdentityRecord",
    "IllegalStep",
    "InFlight",
    "NewMessage",
    "Peer",
    "Row",
    "SessionRecord",
    "StaleLease",
    "Store",
]  # fmt: skip
