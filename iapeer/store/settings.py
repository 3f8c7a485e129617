"""Single values that must survive the daemon."""

from __future__ import annotations

from iapeer.store.repository import Repository


class Settings(Repository):
    """Single values that must survive the daemon, such as the chosen TCP port."""

    def get(self, key: str) -> str | None:
        """The value, or None. One read."""
        line = self._db.one("SELECT value FROM settings WHERE key = ?", (key,))
        return str(line[0]) if line else None

    def put(self, key: str, value: str) -> None:
        """Set or replace the value in one transaction. No event."""
        with self._db.write():
            self._db.run("INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", (key, value))

    def drop(self, key: str) -> None:
        """Take the value away in one transaction. No event."""
        with self._db.write():
            self._db.run("DELETE FROM settings WHERE key = ?", (key,))
