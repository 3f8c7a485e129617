"""Flags of an identity: what is to be done at its next wake, and what is true of its session until that ends."""

from __future__ import annotations

from iapeer.model.causes import WakeMode
from iapeer.store.repository import Repository

ARMED = "armed"  # a worker has answered its task, and is ended once it is quiet
PARKING = "parking"  # the session is being put to sleep: whoever finds it dead knows why
REFRESH = "refresh"  # the next natural wake is a fresh one
STOPPED = "stopped"  # a person keeps this runtime of the peer down
FRESH = "fresh"  # the agent asked for a fresh session in place of its own
OF_SESSION = frozenset({ARMED, PARKING})  # gone with their session, in the same transaction
# Gone with the launch of the next session, by its mode.
UNTIL_NEXT: dict[str, tuple[str, ...]] = {WakeMode.FRESH: (FRESH, REFRESH), WakeMode.RESUME: (FRESH,)}


class Flags(Repository):
    """At most one flag of a name for an identity."""

    def set(self, identity: str, personality: str, flag: str, why: str | None = None) -> bool:
        """Set it in one transaction, with `marked`; False, and nothing is written or told, when it is there."""
        with self._db.write():
            if flag in self.of(identity):
                return False
            values = (identity, flag, personality, self._db.now())
            self._db.run("INSERT INTO marks (identity, mark, personality, set_ms) VALUES (?, ?, ?, ?)", values)
            data = {"mark": flag, **({"why": why} if why else {})}
            self._db.emit("marked", personality=personality, identity=identity, data=data)
        return True

    def clear(self, identity: str, flag: str) -> bool:
        """Take a flag away in one transaction, with `unmarked`; False when it was not there."""
        with self._db.write():
            line = self._db.one("SELECT personality FROM marks WHERE identity = ? AND mark = ?", (identity, flag))
            if line is None:
                return False
            self._db.run("DELETE FROM marks WHERE identity = ? AND mark = ?", (identity, flag))
            self._db.emit("unmarked", personality=line[0], identity=identity, data={"mark": flag})
        return True

    def of(self, identity: str) -> list[str]:
        """The flags of an identity, by name. One read."""
        lines = self._db.all("SELECT mark FROM marks WHERE identity = ? ORDER BY mark", (identity,))
        return [str(mark) for (mark,) in lines]

    def identities_with(self, flag: str) -> list[str]:
        """The identities with this flag, by name. One read."""
        lines = self._db.all("SELECT identity FROM marks WHERE mark = ? ORDER BY identity", (flag,))
        return [str(who) for (who,) in lines]
