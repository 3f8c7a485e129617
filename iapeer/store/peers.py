"""Settings and peers: what the profiles on disk cannot tell."""

from __future__ import annotations

from typing import Any

from iapeer.model.errors import Refused
from iapeer.model.names import unknown
from iapeer.model.states import State
from iapeer.store.database import Database
from iapeer.store.inbox import Inbox
from iapeer.store.queries import ALL, DISOWN, REMOVED_AT
from iapeer.store.rows import Peer, Row

_SELECT = "SELECT personality, folder, stopped, created_ms FROM peers"
REMOVED = "peer removed"
GOING = "removing:"  # how the setting begins that says that a peer is being forgotten


class Settings(Database):
    """Single values that must survive the daemon, such as the chosen TCP port."""

    def get_setting(self, key: str) -> str | None:
        """The value, or None. One read."""
        found = self._one("SELECT value FROM settings WHERE key = ?", (key,))
        return str(found[0]) if found else None

    def put_setting(self, key: str, value: str) -> None:
        """Set or replace the value in one transaction. No event."""
        with self._write():
            self._run("INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", (key, value))

    def drop_setting(self, key: str) -> None:
        """Take the value away in one transaction. No event."""
        with self._write():
            self._run("DELETE FROM settings WHERE key = ?", (key,))


class Peers(Inbox):
    """Who exists, where, and who is stopped."""

    def add_peer(self, personality: str, folder: str) -> Peer:
        """Register in one transaction, with `peer_added`. The same pair again changes nothing, and is returned.

        Refused when the name has another folder or the folder another name; both are named.
        """
        with self._write():
            known = self.peer(personality) or self.peer_at(folder)
            if known is not None:
                return _same(known, personality, folder)
            new = Peer(personality, folder, False, self._now())
            self._run("INSERT INTO peers VALUES (?, ?, ?, ?)", (new.personality, new.folder, 0, new.created_ms))
            self._emit("peer_added", personality=personality, data={"folder": folder})
        return new

    def peer(self, personality: str) -> Peer | None:
        """The peer of that name, or None. One read."""
        return self._peer(f"{_SELECT} WHERE personality = ?", personality)

    def peer_at(self, folder: str) -> Peer | None:
        """The peer registered with exactly that folder, or None. One read."""
        return self._peer(f"{_SELECT} WHERE folder = ?", folder)

    def peers(self) -> list[Peer]:
        """All peers by name. One read."""
        return [_peer(values) for values in self._all(f"{_SELECT} ORDER BY personality")]

    def set_stopped(self, personality: str, stopped: bool) -> None:
        """Write the intent in one transaction, with `peer_stopped` or `peer_started` if it changed. Rows: `hold`."""
        with self._write():
            if self._known(personality).stopped == stopped:
                return
            self._run("UPDATE peers SET stopped = ? WHERE personality = ?", (stopped, personality))
            self._emit("peer_stopped" if stopped else "peer_started", personality=personality)

    def move_peer(self, personality: str, folder: str) -> Peer:
        """Record a moved folder in one transaction, with `peer_moved`. Refused when it belongs to another peer."""
        with self._write():
            known = self._known(personality)
            other = self.peer_at(folder)
            if other is not None and other.personality != personality:
                return _same(other, personality, folder)
            self._run("UPDATE peers SET folder = ? WHERE personality = ?", (folder, personality))
            self._emit("peer_moved", personality=personality, data={"from": known.folder, "to": folder})
        return Peer(personality, folder, known.stopped, known.created_ms)

    def going(self) -> list[str]:
        """The peers that are being forgotten, by name: their removal was begun and has not ended. One read."""
        names = "SELECT substr(key, ?) FROM settings WHERE key GLOB ? ORDER BY key"
        found = self._all(names, (len(GOING) + 1, f"{GOING}*"))
        return [str(name) for (name,) in found]

    def begin_removal(self, personality: str) -> None:
        """Write the intent to forget the peer in one transaction: should we die, the next daemon goes on with it."""
        with self._write():
            self._run("INSERT OR REPLACE INTO settings (key, value) VALUES (?, '1')", (f"{GOING}{personality}",))

    def bury(self, personality: str, most: int = ALL) -> list[Row]:
        """Every row of a peer that goes, or `most` of them, is `dead`, in one transaction, the oldest first."""
        with self._write():
            return [self._step(row, State.DEAD, reason=REMOVED) for row in self._unfinished(personality, most)]

    def disown(self, personality: str, most: int) -> int:
        """So many rows of a peer that goes, or those that are left, count for the name no more; how many there were."""
        with self._write():
            return self._run(DISOWN, (personality, most)).rowcount

    def remove_peer(self, personality: str) -> list[Row]:
        """Forget the peer in one transaction, with `peer_removed` after a `dead` for every row that was not final.

        Returns those rows: their senders are to be told. Messages stay readable by id. Sessions, the stopped intent,
        what was confirmed and the keys of the peer's own messages go, and no row counts for the name any more: a
        namesake inherits nothing. What it sent is told from what a namesake sends by the place in the inbox, for a
        clock may be set back.
        """
        with self._write():
            known = self._known(personality)
            died = self.bury(personality)
            self._run("UPDATE inbox SET personality = NULL WHERE personality = ?", (personality,))
            self._run("UPDATE messages SET key = NULL WHERE sender = ? AND key IS NOT NULL", (personality,))
            self._run("DELETE FROM sessions WHERE personality = ?", (personality,))
            self._run("DELETE FROM marks WHERE personality = ?", (personality,))
            self._run("DELETE FROM consents WHERE personality = ?", (personality,))
            self._run("DELETE FROM peers WHERE personality = ?", (personality,))
            self._run("DELETE FROM settings WHERE key = ?", (f"{GOING}{personality}",))
            place = f"INSERT OR REPLACE INTO settings SELECT {REMOVED_AT}, coalesce(max(seq), 0) FROM inbox"
            self._run(place, (personality,))
            self._emit("peer_removed", personality=personality, data={"folder": known.folder, "dead": len(died)})
        return died

    def _peer(self, select: str, value: str) -> Peer | None:
        found = self._one(select, (value,))
        return _peer(found) if found else None

    def _known(self, personality: str) -> Peer:
        known = self.peer(personality)
        if known is None:
            raise unknown("peer", personality, [peer.personality for peer in self.peers()])
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
