"""The store: its repositories on one connection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from iapeer.model.clock import Clock
from iapeer.store.activations import Activations
from iapeer.store.consents import Consents
from iapeer.store.database import Database
from iapeer.store.events import Events
from iapeer.store.flags import Flags
from iapeer.store.holds import Holds
from iapeer.store.inbox import Inbox
from iapeer.store.messages import Messages
from iapeer.store.peers import Peers
from iapeer.store.rows import Event
from iapeer.store.sessions import Sessions
from iapeer.store.settings import Settings
from iapeer.store.status import Statuses


class Store:
    """Everything durable, in one SQLite file with one writer: one repository a subject.

    Every method of a repository is one transaction with its events in it, and synchronous: when it returns, what it
    did is on disk. `observers` are called with each event after its commit, in order; one that raises stops its caller,
    so it must not. `together`: all that is written inside is one transaction, and one wait for the disk; `reading`: all
    that is read inside is one state of the file. Nothing may be awaited inside of either.
    """

    def __init__(self, path: Path, clock: Clock, database_type: type[Database] = Database) -> None:
        """Open or make the file, as `Database` does."""
        self.database = database = database_type(path, clock)
        self.together = database.write
        self.reading = database.reading
        self.events = Events(database)
        self.settings = Settings(database)
        self.consents = Consents(database)
        self.flags = Flags(database)
        self.sessions = Sessions(database, self.flags)
        self.inbox = Inbox(database)
        self.activations = Activations(database, self.inbox)
        self.holds = Holds(database, self.inbox)
        self.messages = Messages(database, self.inbox, self.holds)
        self.peers = Peers(database, self.inbox)
        self.statuses = Statuses(database)

    @property
    def path(self) -> Path:
        """The file."""
        return self.database.path

    @property
    def observers(self) -> list[Callable[[Event], None]]:
        """Who is told of each event."""
        return self.database.observers

    def hurry(self) -> None:
        """From now on wait but shortly for another process that writes, as `Database.hurry` says."""
        self.database.hurry()

    def close(self) -> None:
        """Close the file. What was committed is on disk already; nothing is written but SQLite's own checkpoint."""
        self.database.close()
