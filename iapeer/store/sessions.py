"""Sessions: history and fencing. Whether one is alive is observed, never read from here."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from iapeer.model.errors import Refused
from iapeer.store.database import Database
from iapeer.store.flags import OF_SESSION, UNTIL_NEXT, Flags
from iapeer.store.repository import Repository
from iapeer.store.rows import SessionRecord

MAX_TOPICS = 16
_COLUMNS = tuple(field.name for field in fields(SessionRecord))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM sessions"
# What a session is does not change, and only `end` ends it.
_FIXED = {"id", "identity", "personality", "started_ms", "version", "port", "ended_ms", "end_cause"}
_CHANGEABLE = frozenset(_COLUMNS) - _FIXED


class Sessions(Repository):
    """At most one open session per identity; SQLite itself enforces it."""

    def __init__(self, database: Database, flags: Flags) -> None:
        super().__init__(database)
        self._flags = flags

    def open(self, s: SessionRecord) -> None:
        """Record a launch in one transaction, with `session_opened`. Refused while the identity has an open session.

        It is the peer's newest: earlier ones that began later, by a clock that was set back since, began just now. What
        was marked for the next launch is used up.
        """
        with self._db.write():
            other = self._db.one(f"{_SELECT} WHERE identity = ? AND ended_ms IS NULL", (s.identity,))
            if other is not None:
                raise Refused(f"{s.identity} has the open session {other[0]}: end it first.", code="session-open")
            began = (s.started_ms, s.personality, s.started_ms)
            self._db.run("UPDATE sessions SET started_ms = ? WHERE personality = ? AND started_ms > ?", began)
            holes = ", ".join("?" * len(_COLUMNS))
            self._db.run(
                f"INSERT INTO sessions ({', '.join(_COLUMNS)}) VALUES ({holes})",
                [getattr(s, name) for name in _COLUMNS],
            )
            for mark in UNTIL_NEXT.get(s.mode, ()):
                self._flags.clear(s.identity, mark)
            self._emit("session_opened", s, {"mode": s.mode, "cause": s.cause})

    def change(self, id: str, **fields: Any) -> None:
        """Set the named columns in one transaction, without an event. A session that is gone stays gone."""
        wrong = sorted(fields.keys() - _CHANGEABLE)
        if wrong:
            raise TypeError(f"not a changeable column of a session: {', '.join(wrong)}")
        if fields:
            names = ", ".join(f"{name} = ?" for name in fields)
            with self._db.write():
                self._db.run(f"UPDATE sessions SET {names} WHERE id = ?", [*fields.values(), id])

    def add_topic(self, id: str, topic: str) -> None:
        """The session took a message on this topic, in one transaction; the newest 16 are kept, the last one last."""
        with self._db.write():
            record = self.get(id)
            if record is None or record.topics_list[-1:] == [topic]:
                return
            topics = [*(old for old in record.topics_list if old != topic), topic][-MAX_TOPICS:]
            self._db.run("UPDATE sessions SET topics = ? WHERE id = ?", (json.dumps(topics), id))

    def end(
        self,
        id: str,
        *,
        cause: str,
        exit_code: int | None = None,
        signal: int | None = None,
        last_screen: str | None = None,
    ) -> SessionRecord | None:
        """End it in one transaction, with `session_ended`; its token is void from then on. The session as it now is.

        What was marked of the session goes with it.

        Again: the first end stands, nothing is written or told. None when there is no such session.
        """
        with self._db.write():
            before = self.get(id)
            if before is None or before.ended_ms is not None:
                return before
            self._db.run(
                "UPDATE sessions SET ended_ms = ?, end_cause = ?, exit_code = ?, signal = ?, "
                "last_screen = coalesce(?, last_screen) WHERE id = ?",
                (self._db.now(), cause, exit_code, signal, last_screen, id),
            )
            for mark in OF_SESSION.intersection(self._flags.of(before.identity)):
                self._flags.clear(before.identity, mark)
            self._emit("session_ended", before, {"cause": cause, "exit_code": exit_code, "signal": signal})
            return self.get(id)

    def get(self, id: str) -> SessionRecord | None:
        """The session, or None. One read."""
        return self._session("WHERE id = ?", id)

    def all_open(self) -> list[SessionRecord]:
        """Every session that has no end recorded, oldest first. One read."""
        lines = self._db.all(f"{_SELECT} WHERE ended_ms IS NULL ORDER BY started_ms, id")
        return [SessionRecord(**dict(zip(_COLUMNS, values, strict=True))) for values in lines]

    def last(self, identity: str) -> SessionRecord | None:
        """The newest session of the identity, open or ended, or None. One read."""
        return self._session("WHERE identity = ? ORDER BY started_ms DESC, rowid DESC LIMIT 1", identity)

    def newest_of(self, identity: str, limit: int) -> list[SessionRecord]:
        """The newest `limit` sessions of the identity, open or ended, newest last. One read."""
        return self._newest("identity", identity, limit)

    def by_token(self, token_hash: str) -> SessionRecord | None:
        """The session whose token has this hash, only while it is not ended; else None. One read."""
        return self._session("WHERE token_hash = ? AND ended_ms IS NULL", token_hash)

    def newest(self, personality: str, limit: int = 100) -> list[SessionRecord]:
        """The newest `limit` sessions of all the peer's identities, newest last. One read."""
        return self._newest("personality", personality, limit)

    def _newest(self, column: str, value: str, limit: int) -> list[SessionRecord]:
        order = f"WHERE {column} = ? ORDER BY started_ms DESC, rowid DESC LIMIT ?"
        lines = self._db.all(f"{_SELECT} {order}", (value, limit))
        return [SessionRecord(**dict(zip(_COLUMNS, values, strict=True))) for values in reversed(lines)]

    def _session(self, where: str, value: str) -> SessionRecord | None:
        line = self._db.one(f"{_SELECT} {where}", (value,))
        return SessionRecord(**dict(zip(_COLUMNS, line, strict=True))) if line else None

    def _emit(self, ev: str, s: SessionRecord, data: dict[str, object]) -> None:
        self._db.emit(ev, personality=s.personality, identity=s.identity, session=s.id, data=data)
