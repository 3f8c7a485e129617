"""The store: its parts on one connection."""

from __future__ import annotations

from iapeer.model.names import split_identity
from iapeer.store.consents import Consents
from iapeer.store.events import Events
from iapeer.store.flags import STOPPED
from iapeer.store.peers import Peers, Settings
from iapeer.store.status import Standings


class Store(Settings, Consents, Peers, Standings, Events):
    """Everything durable, in one SQLite file with one writer.

    Every method is one transaction with its events in it, and synchronous: when it returns, what it did is on disk.
    `observers` are called with each event after its commit, in order; one that raises stops its caller, so it must not.
    """

    def is_stopped(self, identity: str) -> bool:
        """Whether a person keeps the identity down, with its whole peer or by itself. Two reads."""
        peer = self.peer(split_identity(identity)[1])
        return (peer is not None and peer.stopped) or STOPPED in self.marks(identity)
