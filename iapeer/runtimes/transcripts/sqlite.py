"""Transcripts that are rows of a table in a SQLite database, all conversations of a home in one.

The adapter names the table and its columns; the queries are ours, and only read. A connection lasts for one question:
it holds no lock in between, and never reads on in a file that was exchanged. Of a database in WAL mode that nobody has
open, SQLite makes the files `-wal` and `-shm` to read it, and they stay.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from iapeer.files.regular import Unfit, open_regular
from iapeer.runtimes.records import entries_of
from iapeer.runtimes.transcripts.jsonlines import load
from iapeer.runtimes.transcripts.source import BEGIN, Cursor, Part
from iapeer.runtimes.transcripts.tail import MAX_LINE, PART
from iapeer.runtimes.transcripttables import Database, Transcript

WINDOW_ROWS = 2000
PART_ROWS = 500
_RECENT_ROWS = 5000  # of all conversations, among which the newest ones are looked for
_BUSY_S = 0.02  # for another's lock to go: readers hardly ever meet one
LONGEST_S = 0.5  # for a question whose table has no index for it
_STEPS = 10_000  # of SQLite's machine, between two looks at the clock
_BESIDE = ("-journal", "-wal", "-shm")
_COMPUTED = """
    SELECT 1 FROM sqlite_master WHERE name = ?1 COLLATE NOCASE AND (type = 'view' OR type = 'table' AND rootpage = 0)
    UNION ALL SELECT 1 FROM pragma_table_xinfo(?1) WHERE hidden > 0
"""  # a view, a virtual table, a generated column
_NOT_NOW = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_WHY = {
    sqlite3.SQLITE_INTERRUPT: f"it takes longer than {LONGEST_S} s to read",
    sqlite3.SQLITE_CORRUPT: "it is a damaged database",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database",
}
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class _Opened:
    """A database that is open, and which file it is."""

    connection: sqlite3.Connection
    file: str

    def ask(self, query: str, *values: int | str) -> Iterator[Any]:
        """The rows that answer."""
        return self.connection.execute(query, values)


class SqliteRows:
    """The transcript of one conversation in the database `path`. A cursor counts by the column that orders the rows."""

    slow = True

    def __init__(self, rules: Transcript, table: Database, path: Path, conversation: str) -> None:
        self.path = path
        self.unfit: str | None = None
        self._rules = rules
        self._queries = _Queries(table)
        self._table = table
        self._conversation = conversation

    def entries_since(self, cursor: Cursor) -> Part:
        try:
            return self._asked(lambda opened: self._part(opened, cursor), Part([], cursor))
        except OSError as error:
            return Part([], cursor, unread=error.strerror)

    def end(self) -> Cursor | None:
        try:
            return self._asked(lambda opened: Cursor(self._next(opened), self._record(opened)), BEGIN)
        except OSError:
            return None

    def before_end(self) -> Cursor:
        end = self.end() or BEGIN
        return Cursor(max(0, end.offset - WINDOW_ROWS), end.file)

    def _part(self, opened: _Opened, cursor: Cursor) -> Part:
        anew = cursor.file not in (None, self._record(opened)) or self._next(opened) < cursor.offset
        at, size, number, records = 0 if anew else cursor.offset, 0, 0, []
        for order, text, *columns in opened.ask(self._queries.since, MAX_LINE, self._conversation, at, PART_ROWS):
            at, size, number = int(order) + 1, size + len(text or ""), number + 1
            if text is not None and (record := load(text)) is not None:
                records.append(record | dict(zip(self._table.columns, columns, strict=True)))
            if size >= PART:
                break
        more = size >= PART or number == PART_ROWS
        return Part(entries_of(self._rules, records), Cursor(at, self._record(opened)), more, anew)

    def _record(self, opened: _Opened) -> str:
        """What a cursor counts in: this conversation in this very file."""
        return f"{opened.file}:{self._conversation}"

    def _next(self, opened: _Opened) -> int:
        """The place behind the last row; 0 where there is none."""
        last = next(opened.ask(self._queries.last, self._conversation))[0]
        return int(last) + 1 if last is not None else 0

    def _asked(self, question: Callable[[_Opened], Answer], nothing: Answer) -> Answer:
        """What the database answers; `nothing` where there is none. OSError where it cannot be asked now.

        Unfit where it never can be as it is: `unfit` says why.
        """
        try:
            with _opened(self.path, self._table) as opened:
                answer = question(opened)
        except FileNotFoundError:
            answer = nothing
        except OSError as error:
            self.unfit = error.strerror if isinstance(error, Unfit) else None
            raise
        self.unfit = None
        return answer


def newest(table: Database, path: Path, most: int, holding: str) -> list[str]:
    """Tell the conversations in the database `path` that were written to last, the newest first.

    Only those with a recent row that holds the text `holding`. OSError where it cannot be read now.
    """
    try:
        with _opened(path, table) as opened:
            rows = list(opened.ask(_Queries(table).recent, _RECENT_ROWS, holding))
    except FileNotFoundError:
        return []
    return list(dict.fromkeys(str(row[0]) for row in rows))[:most]


class _Queries:
    """The only questions that are asked, of a table whose names the adapter gives.

    In brackets: in quotes, SQLite takes the name of a column that is not there for a text.
    """

    def __init__(self, table: Database) -> None:
        name, of, order, record, *columns = (
            f"[{name}]" for name in (table.table, table.conversation, table.order, table.record, *table.columns)
        )
        short = f"CASE WHEN length({record}) <= ? THEN {record} END"
        picked = ", ".join([order, short, *columns])
        self.since = f"SELECT {picked} FROM {name} WHERE {of} = ? AND {order} >= ? ORDER BY {order} LIMIT ?"
        self.last = f"SELECT max({order}) FROM {name} WHERE {of} = ?"
        recent = f"SELECT {of}, {record} FROM {name} ORDER BY rowid DESC LIMIT ?"
        self.recent = f"SELECT {of} FROM ({recent}) WHERE instr({record}, ?) > 0"


@contextlib.contextmanager
def _opened(path: Path, table: Database) -> Iterator[_Opened]:
    """Open a database to read only. OSError where it is not there, or is locked now; Unfit where it cannot be read."""
    descriptor = open_regular(path)
    info = os.fstat(descriptor)
    os.close(descriptor)
    real = path.resolve()  # as SQLite does, before it names the files beside
    _check_beside(real)
    try:
        with contextlib.closing(_connected(real)) as connection:
            _check_plain(connection, table.table)
            yield _Opened(connection, f"{info.st_dev}:{info.st_ino}")
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _NOT_NOW:
            raise BlockingIOError(0, "it is locked") from error
        raise Unfit(_WHY.get(code, f"it is not as the adapter says ({error})")) from error
    except (ValueError, TypeError) as error:
        raise Unfit("it is not as the adapter says (its rows are ordered by no number)") from error


def _check_beside(path: Path) -> None:
    """Unfit where one of the files that SQLite opens beside a database is no regular one, or is another user's.

    SQLite would wait for the writer of a FIFO for ever.
    """
    for name in _BESIDE:
        with contextlib.suppress(FileNotFoundError):
            info = path.with_name(f"{path.name}{name}").lstat()
            if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid():
                raise Unfit(f"its {name} is no regular file of this user")


def _check_plain(connection: sqlite3.Connection, table: str) -> None:
    """Unfit where the table is none that merely holds its values: a question might compute for ever."""
    if connection.execute(_COMPUTED, (table,)).fetchone() is not None:
        raise Unfit(f"it is not as the adapter says ({table} is no plain table)")


def _connected(path: Path) -> sqlite3.Connection:
    uri = f"{path.as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)
    until = time.monotonic() + LONGEST_S
    connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    connection.text_factory = lambda data: data.decode(errors="replace")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection
