"""What every repository is: one subject of the store, on the connection that all of them share."""

from __future__ import annotations

from iapeer.store.database import Database


class Repository:
    """The questions and the changes of one subject. Each change is one transaction with its events in it."""

    def __init__(self, database: Database) -> None:
        self._db = database
