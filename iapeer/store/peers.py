"""Peers: what the profiles on disk cannot tell."""

from __future__ import annotations

from typing import Any

from iapeer.model.errors import Refused
from iapeer.model.names import split_identity, unknown
from iapeer.store.consents import Consent
from iapeer.store.database import Database
from iapeer.store.flags import STOPPED
from iapeer.store.inbox import Inbox
from iapeer.store.queries import REMOVED_AT
from iapeer.store.repository import Repository
from iapeer.store.rows import Peer, Row

_SELECT = "SELECT personality, folder, stopped, created_ms FROM peers"
_WITH_CONSENTS = (
    "SELECT p.personality, p.folder, p.stopped, p.created_ms, c.runtime, c.subject, c.value "
    "FROM peers p LEFT JOIN consents c ON c.personality = p.personality WHERE p.personality = ?"
)
_IS_STOPPED = (
    "SELECT EXISTS (SELECT 1 FROM peers WHERE personality = ? AND stopped) "
    "OR EXISTS (SELECT 1 FROM marks WHERE identity = ? AND mark = ?)"
)
_IS_DOWN = f"{_IS_STOPPED} OR NOT EXISTS (SELECT 1 FROM peers WHERE personality = ?)"
GOING = "removing:"  # how the setting begins that says that a peer is being forgotten


class Peers(Repository):
    """Who exists, where, and who is stopped."""

    def __init__(self, database: Database, inbox: Inbox) -> None:
        super().__init__(database)
        self._inbox = inbox

    def add(self, personality: str, folder: str) -> Peer:
        """Register in one transaction, with `peer_added`. The same pair again changes nothing, and is returned.

        Refused when the name has another folder or the folder another name; both are named.
        """
        with self._db.write():
            known = self.get(personality) or self.at_folder(folder)
            if known is not None:
                return _same(known, personality, folder)
            new = Peer(personality, folder, False, self._db.now())
            self._db.run("INSERT INTO peers VALUES (?, ?, ?, ?)", (new.personality, new.folder, 0, new.created_ms))
            self._db.emit("peer_added", personality=personality, data={"folder": folder})
        return new

    def get(self, personality: str) -> Peer | None:
        """The peer of that name, or None. One read."""
        return self._peer(f"{_SELECT} WHERE personality = ?", personality)

    def with_consents(self, personality: str) -> tuple[Peer, dict[Consent, str]] | None:
        """The peer of that name and what is confirmed of it, or None. One read."""
        lines = self._db.all(_WITH_CONSENTS, (personality,))
        if not lines:
            return None
        consents = {(runtime, subject): value for *_, runtime, subject, value in lines if subject is not None}
        name, folder, stopped, created_ms, *_ = lines[0]
        return Peer(name, folder, bool(stopped), created_ms), consents

    def at_folder(self, folder: str) -> Peer | None:
        """The peer registered with exactly that folder, or None. One read."""
        return self._peer(f"{_SELECT} WHERE folder = ?", folder)

    def all(self) -> list[Peer]:
        """All peers by name. One read."""
        return [_peer(values) for values in self._db.all(f"{_SELECT} ORDER BY personality")]

    def is_stopped(self, identity: str) -> bool:
        """Whether a person keeps the identity down, with its whole peer or by itself. One read."""
        return bool(self._db.all(_IS_STOPPED, (split_identity(identity)[1], identity, STOPPED))[0][0])

    def is_down(self, identity: str) -> bool:
        """Whether no session of the identity is to be started: it is stopped, or its peer is gone. One read."""
        personality = split_identity(identity)[1]
        return bool(self._db.all(_IS_DOWN, (personality, identity, STOPPED, personality))[0][0])

    def set_stopped(self, personality: str, stopped: bool) -> None:
        """Write the intent in one transaction, with `peer_stopped` or `peer_started` if it changed. Rows: `hold`."""
        with self._db.write():
            if self._known(personality).stopped == stopped:
                return
            self._db.run("UPDATE peers SET stopped = ? WHERE personality = ?", (stopped, personality))
            self._db.emit("peer_stopped" if stopped else "peer_started", personality=personality)

    def move(self, personality: str, folder: str) -> Peer:
        """Record a moved folder in one transaction, with `peer_moved`. Refused when it belongs to another peer."""
        with self._db.write():
            known = self._known(personality)
            other = self.at_folder(folder)
            if other is not None and other.personality != personality:
                return _same(other, personality, folder)
            self._db.run("UPDATE peers SET folder = ? WHERE personality = ?", (folder, personality))
            self._db.emit("peer_moved", personality=personality, data={"from": known.folder, "to": folder})
        return Peer(personality, folder, known.stopped, known.created_ms)

    def being_removed(self) -> list[str]:
        """The peers that are being forgotten, by name: their removal was begun and has not ended. One read."""
        names = "SELECT substr(key, ?) FROM settings WHERE key GLOB ? ORDER BY key"
        lines = self._db.all(names, (len(GOING) + 1, f"{GOING}*"))
        return [str(name) for (name,) in lines]

    def begin_removal(self, personality: str) -> None:
        """Write the intent to forget the peer in one transaction: should we die, the next daemon goes on with it."""
        with self._db.write():
            self._db.run("INSERT OR REPLACE INTO settings (key, value) VALUES (?, '1')", (f"{GOING}{personality}",))

    def remove(self, personality: str) -> list[Row]:
        """Forget the peer in one transaction, with `peer_removed` after a `dead` for every row that was not final.

        Returns those rows: their senders are to be told. Messages stay readable by id. Sessions, the stopped intent,
        what was confirmed and the keys of the peer's own messages go, and no row counts for the name any more: a
        namesake inherits nothing. What it sent is told from what a namesake sends by the place in the inbox, for a
        clock may be set back.
        """
        with self._db.write():
            known = self._known(personality)
            died = self._inbox.end_all(personality)
            self._db.run("UPDATE inbox SET personality = NULL WHERE personality = ?", (personality,))
            self._db.run("UPDATE messages SET key = NULL WHERE sender = ? AND key IS NOT NULL", (personality,))
            self._db.run("DELETE FROM sessions WHERE personality = ?", (personality,))
            self._db.run("DELETE FROM marks WHERE personality = ?", (personality,))
            self._db.run("DELETE FROM consents WHERE personality = ?", (personality,))
            self._db.run("DELETE FROM peers WHERE personality = ?", (personality,))
            self._db.run("DELETE FROM settings WHERE key = ?", (f"{GOING}{personality}",))
            place = f"INSERT OR REPLACE INTO settings SELECT {REMOVED_AT}, coalesce(max(seq), 0) FROM inbox"
            self._db.run(place, (personality,))
            self._db.emit("peer_removed", personality=personality, data={"folder": known.folder, "dead": len(died)})
        return died

    def _peer(self, select: str, value: str) -> Peer | None:
        line = self._db.one(select, (value,))
        return _peer(line) if line else None

    def _known(self, personality: str) -> Peer:
        known = self.get(personality)
        if known is None:
            raise unknown("peer", personality, [peer.personality for peer in self.all()])
        return known


def _peer(values: tuple[Any, ...]) -> Peer:
    personality, folder, stopped, created_ms = values
    return Peer(personality, folder, bool(stopped), created_ms)


def _same(known: Peer, personality: str, folder: str) -> Peer:
    if known.personality != personality:
        raise Refused(
            f"{folder} is the folder of the peer {known.personality}: it cannot be {personality}'s too.",
            code="folder-taken",
        )
    if known.folder != folder:
        raise Refused(
            f"The name {personality} belongs to {known.folder}: rename {folder}, or remove that peer.",
            code="name-taken",
        )
    return known
