"""The append-only record of what happened. Changes append their own events; `append` is for what changes no row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from iapeer.store.repository import Repository
from iapeer.store.rows import JSON, Event, SessionRecord

_SELECT = "SELECT seq, ts, ev, personality, identity, message, session, data FROM events"


class Events(Repository):
    """Reading the record, and adding to it what the daemon saw."""

    def append(
        self,
        ev: str,
        *,
        personality: str | None = None,
        identity: str | None = None,
        message: str | None = None,
        session: str | None = None,
        **data: JSON,
    ) -> Event:
        """Append one event in a transaction of its own. `data` must hold neither a body nor a token."""
        with self._db.write():
            return self._db.emit(
                ev, personality=personality, identity=identity, message=message, session=session, data=data
            )

    def page(
        self,
        after: int = 0,
        *,
        personality: str | None = None,
        kinds: Sequence[str] = (),
        message: str | None = None,
        limit: int = 1000,
    ) -> list[Event]:
        """The first `limit` events with a seq above `after` that fit, in order. One read."""
        wanted: list[tuple[str, Sequence[Any]]] = [("seq > ?", [after])]
        if personality is not None:
            wanted.append(("personality = ?", [personality]))
        if message is not None:
            wanted.append(("message = ?", [message]))
        if kinds:
            wanted.append((f"ev IN ({', '.join('?' * len(kinds))})", kinds))
        where = " AND ".join(condition for condition, _ in wanted)
        values = [value for _, some in wanted for value in some]
        lines = self._db.all(f"{_SELECT} WHERE {where} ORDER BY seq LIMIT ?", [*values, limit])
        return [_event(values) for values in lines]

    def came_after(self, message: str, session: SessionRecord) -> bool:
        """Whether the message was accepted after the session began: by the order of events, whatever the clock did.

        Two reads.
        """
        began = "SELECT seq FROM events WHERE personality = ? AND ev = 'session_opened' AND session = ?"
        opened = self._db.one(f"{began} ORDER BY seq DESC LIMIT 1", (session.personality, session.id))
        accepted = self.page(message=message, kinds=("accepted",), limit=1)
        return opened is not None and bool(accepted) and accepted[0].seq > int(opened[0])

    def last_seq(self) -> int:
        """The seq of the newest event, 0 before the first. One read."""
        line = self._db.one("SELECT max(seq) FROM events")
        return int(line[0]) if line and line[0] is not None else 0


def _event(values: tuple[Any, ...]) -> Event:
    seq, ts, ev, personality, identity, message, session, data = values
    return Event(seq, ts, ev, personality, identity, message, session, json.loads(data))
