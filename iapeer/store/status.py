"""What lists are made of: how identities stand, and the messages that are not over, in as many reads as for one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields

from iapeer.model.states import State
from iapeer.store.queries import DEPTH, TOOK, UNFINISHED
from iapeer.store.repository import Repository
from iapeer.store.rows import ROW_COLUMNS, Row, SessionRecord, read_row

_START = 1024  # bytes of a body that are read: enough for a preview
_COLUMNS = tuple(field.name for field in fields(SessionRecord) if field.name != "last_screen")  # the largest one
STANDING = (
    f"SELECT w.value, ({DEPTH.replace(':identity', 'w.value')}), "
    "(SELECT count(*) FROM inbox WHERE identity = w.value AND state = 'held'), "
    "(SELECT reason FROM inbox WHERE identity = w.value AND state = 'held' LIMIT 1), "
    "(SELECT json_group_array(mark) FROM marks WHERE identity = w.value), "
    f"i.message, m.sender, i.state, i.attempt, substr(m.body, 1, {_START}) "
    f"FROM json_each(:identities) w LEFT JOIN activations a ON a.identity = w.value AND a.ended_ms IS NULL "
    "LEFT JOIN activation_rows r ON r.activation = a.id LEFT JOIN inbox i ON i.seq = r.row "
    "LEFT JOIN messages m ON m.id = i.message"
)
LAST = (
    f"SELECT {', '.join(f's.{name}' for name in _COLUMNS)}, "
    f"EXISTS (SELECT 1 FROM activations WHERE session = s.id AND {TOOK}) "
    "FROM json_each(?) w JOIN sessions s ON s.rowid = "
    "(SELECT rowid FROM sessions WHERE identity = w.value ORDER BY started_ms DESC, rowid DESC LIMIT 1)"
)
HEADS = (
    f"SELECT {ROW_COLUMNS.replace('m.body', f'substr(m.body, 1, {_START})')} "
    "FROM inbox i JOIN messages m ON m.id = i.message LEFT JOIN activations a ON a.id = i.activation WHERE i.seq IN "
    f"(SELECT seq FROM inbox INDEXED BY inbox_live WHERE {UNFINISHED} ORDER BY seq LIMIT ?) ORDER BY i.seq"
)


@dataclass(frozen=True, slots=True)
class InFlight:
    """The message that an identity is at. `start`: how its body begins."""

    message: str
    sender: str
    state: State
    attempt: int
    start: str


@dataclass(frozen=True, slots=True)
class IdentityRecord:
    """How an identity stands. `depth`: messages in line; `held`: how many of them are, and the cause of one of these.

    `last` is its last session, without the screen at its end; `took`: a message went into that.
    """

    depth: int = 0
    held: int = 0
    held_by: str | None = None
    marks: frozenset[str] = frozenset()
    task: InFlight | None = None
    last: SessionRecord | None = None
    took: bool = False


class Statuses(Repository):
    """All of it at once."""

    def of(self, identities: Sequence[str]) -> dict[str, IdentityRecord]:
        """How each of the identities stands. Two reads, however many there are."""
        if not identities:
            return {}
        names = json.dumps(list(identities))
        last: dict[str, tuple[SessionRecord | None, bool]] = {}
        for *values, took in self._db.all(LAST, (names,)):
            newest = SessionRecord(**dict(zip(_COLUMNS, values, strict=True)))
            last[newest.identity] = newest, bool(took)
        standing = {}
        for who, depth, held, held_by, marks, *task in self._db.all(
            STANDING, {"identities": names, "now": self._db.now()}
        ):
            session, took = last.get(who, (None, False))
            standing[who] = IdentityRecord(
                depth, held, held_by, frozenset(json.loads(marks)), _task(*task), session, took
            )
        return standing

    def unfinished(self, limit: int) -> list[Row]:
        """The oldest `limit` rows that are not final, whoever they are for, with how their bodies begin. One read."""
        return [
            read_row((*head, body.decode("utf-8", "ignore").encode(), attachments))
            for *head, body, attachments in self._db.all(HEADS, (limit,))
        ]


def _task(message: str | None, sender: str, state: str, attempt: int, start: bytes) -> InFlight | None:
    return InFlight(message, sender, State(state), attempt, start.decode("utf-8", "ignore")) if message else None
