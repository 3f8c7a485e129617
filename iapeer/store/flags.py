"""Marks on an identity: what is to be done at its next wake, and what is true of its session until that ends."""

from __future__ import annotations

from iapeer.store.database import Database

ARMED = "armed"  # a worker has answered its task, and is ended once it is quiet
PARKING = "parking"  # the session is being put to sleep: whoever finds it dead knows why
REFRESH = "refresh"  # the next natural wake is a fresh one
STOPPED = "stopped"  # a person keeps this runtime of the peer down
FRESH = "fresh"  # the agent asked for a fresh session in place of its own
OF_SESSION = frozenset({ARMED, PARKING})  # gone with their session, in the same transaction
UNTIL_NEXT = {"fresh": (FRESH, REFRESH), "resume": (FRESH,)}  # gone with the launch of the next one, by its mode


class Marks(Database):
    """At most one mark of a name for an identity."""

    def mark(self, identity: str, personality: str, mark: str, why: str | None = None) -> bool:
        """Set it in one transaction, with `marked`; False, and nothing is written or told, when it is there."""
        with self._write():
            if mark in self.marks(identity):
                return False
            values = (identity, mark, personality, self._now())
            self._run("INSERT INTO marks (identity, mark, personality, set_ms) VALUES (?, ?, ?, ?)", values)
            data = {"mark": mark, **({"why": why} if why else {})}
            self._emit("marked", personality=personality, identity=identity, data=data)
        return True

    def unmark(self, identity: str, mark: str) -> bool:
        """Take a mark away in one transaction, with `unmarked`; False when it was not there."""
        with self._write():
            found = self._one("SELECT personality FROM marks WHERE identity = ? AND mark = ?", (identity, mark))
            if found is None:
                return False
            self._run("DELETE FROM marks WHERE identity = ? AND mark = ?", (identity, mark))
            self._emit("unmarked", personality=found[0], identity=identity, data={"mark": mark})
        return True

    def marks(self, identity: str) -> list[str]:
        """The marks of an identity, by name. One read."""
        found = self._all("SELECT mark FROM marks WHERE identity = ? ORDER BY mark", (identity,))
        return [str(mark) for (mark,) in found]

    def marked(self, mark: str) -> list[str]:
        """The identities with this mark, by name. One read."""
        found = self._all("SELECT identity FROM marks WHERE mark = ? ORDER BY identity", (mark,))
        return [str(who) for (who,) in found]
