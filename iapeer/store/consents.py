"""What the operator last confirmed of what makes a launch dangerous. What the texts mean is for `peers.consent`."""

from __future__ import annotations

from collections.abc import Mapping

from iapeer.store.repository import Repository

ALL_PEERS = ""  # in place of a peer's name: it holds for every peer of the runtime
ALL_RUNTIMES = ""  # in place of a runtime: it holds for the peer in every one
Consent = tuple[str, str]  # (runtime, subject)


class Consents(Repository):
    """At most one text for a peer, a runtime and a subject."""

    def of(self, personality: str) -> dict[Consent, str]:
        """What is confirmed of one peer. One read."""
        rows = self._db.all("SELECT runtime, subject, value FROM consents WHERE personality = ?", (personality,))
        return {(runtime, subject): value for runtime, subject, value in rows}

    def all(self) -> dict[str, dict[Consent, str]]:
        """What is confirmed, by peer. One read."""
        by_peer: dict[str, dict[Consent, str]] = {}
        for personality, runtime, subject, value in self._db.all(
            "SELECT personality, runtime, subject, value FROM consents WHERE personality != ?", (ALL_PEERS,)
        ):
            by_peer.setdefault(personality, {})[runtime, subject] = value
        return by_peer

    def get(self, personality: str, runtime: str, subject: str) -> str | None:
        """One text; None: it was never confirmed. One read."""
        row = self._db.one(
            "SELECT value FROM consents WHERE personality = ? AND runtime = ? AND subject = ?",
            (personality, runtime, subject),
        )
        return None if row is None else str(row[0])

    def put(self, personality: str, values: Mapping[Consent, str]) -> None:
        """Set or replace texts in one transaction. No event."""
        with self._db.write():
            for (runtime, subject), value in values.items():
                self._db.run(
                    "INSERT OR REPLACE INTO consents (personality, runtime, subject, value, set_ms) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (personality, runtime, subject, value, self._db.now()),
                )

    def drop(self, personality: str, subject: str) -> None:
        """Take back a subject of a peer, in all its runtimes, in one transaction. No event."""
        with self._db.write():
            self._db.run("DELETE FROM consents WHERE personality = ? AND subject = ?", (personality, subject))
