"""One SQLite file: opening it, the transaction around every change, the events in it, and who is told after it."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from iapeer.model.clock import Clock
from iapeer.model.disk import advice
from iapeer.model.errors import Failed
from iapeer.store.migrations import migrate
from iapeer.store.rows import Event

Values = Sequence[Any] | Mapping[str, Any]

# A file up to this size is checked whole when it is opened (about 0.1 s); damage in a larger one shows when it is read.
CHECKED_BYTES = 16_000_000
OPENING_S = 5.0  # for another process that writes, until `hurry`
BUSY_S = 0.1  # for the same after it
_MOVE_AWAY = "move it and its -wal and -shm files away or restore a copy, and a new one is made"
_ADVICE = {
    sqlite3.SQLITE_FULL: "free some disk space and try again",
    sqlite3.SQLITE_READONLY: "make the file and its folder writable",
    sqlite3.SQLITE_CANTOPEN: "make the file and its folder writable, and free some space if the disk is full",
    sqlite3.SQLITE_PERM: "make the file and its folder writable",
    sqlite3.SQLITE_BUSY: "another process is writing to it: end that process and try again",
    sqlite3.SQLITE_LOCKED: "another process is writing to it: end that process and try again",
    sqlite3.SQLITE_CORRUPT: _MOVE_AWAY,
    sqlite3.SQLITE_NOTADB: _MOVE_AWAY,
    sqlite3.SQLITE_IOERR: "check the disk",
}


class Database:
    """The connection that the repositories share. Synchronous; only the thread that opened it may use it."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Open or make the file and bring it to this version, or raise Failed(code="store") and leave nothing open."""
        self.path = path
        self.observers: list[Callable[[Event], None]] = []
        self._clock = clock
        self._written: list[Event] = []
        self._untold: deque[tuple[Callable[[Event], None], Event]] = deque()
        self._telling = False
        self._reads_only = False
        with explained(path):
            self.connection = _connect(path)

    def hurry(self) -> None:
        """From now on wait BUSY_S at most for another process that writes: others wait for us, and we try again."""
        self.connection.execute(f"PRAGMA busy_timeout = {round(BUSY_S * 1000)}")

    def close(self) -> None:
        """Close the file. What was committed is on disk already; nothing is written but SQLite's own checkpoint."""
        self.connection.close()

    @property
    def written(self) -> int:
        """How many lines of its tables were ever written in this process: a change shows as another number."""
        return self.connection.total_changes

    def now(self) -> int:
        return int(self._clock.wall() * 1000)

    @contextmanager
    def write(self) -> Iterator[None]:
        """One transaction: all of the block and its events are on disk when it is left, or none of it.

        The observers are told after the commit, in the order of the events. Inside another one it is a part of that.
        """
        if self._reads_only:
            raise RuntimeError("a read transaction is open: nothing can be written inside")
        inside = self.connection.in_transaction
        if inside:
            yield
            return
        written = self._written = []
        with explained(self.path):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
        self._tell(written)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One read transaction: all reads of the block see the same state of the file. Who writes inside is refused."""
        with explained(self.path):
            self.connection.execute("BEGIN")
            self._reads_only = True
            try:
                yield
            finally:
                self._reads_only = False
                self.connection.execute("COMMIT")

    @contextmanager
    def lazily(self) -> Iterator[None]:
        """Inside, a commit survives our death at once, and a power cut only with the next other commit."""
        self.connection.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            self.connection.execute("PRAGMA synchronous = FULL")

    def run(self, sql: str, values: Values = ()) -> sqlite3.Cursor:
        """Execute. Text that is no valid Unicode is repaired: a record must not fail for its wording."""
        try:
            return self.connection.execute(sql, values)
        except UnicodeEncodeError:
            return self.connection.execute(sql, _repaired(values))

    def run_all(self, *statements: tuple[str, Values]) -> None:
        """Execute one after the other, each as `run` does."""
        for sql, values in statements:
            self.run(sql, values)

    def all(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """The lines of one SELECT: one consistent state of the file."""
        with explained(self.path):
            return self.run(sql, values).fetchall()

    def one(self, sql: str, values: Values = ()) -> tuple[Any, ...] | None:
        lines = self.all(sql, values)
        return lines[0] if lines else None

    def emit(
        self,
        ev: str,
        *,
        personality: str | None = None,
        identity: str | None = None,
        message: str | None = None,
        session: str | None = None,
        data: Mapping[str, object] | None = None,
    ) -> Event:
        """Append an event to the transaction that is open."""
        text = json.dumps(data or {})
        subjects = (personality, identity, message, session)
        now = self.now()
        done = self.run(
            "INSERT INTO events (ts, ev, personality, identity, message, session, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (now, ev, *subjects, text),
        )
        # Read back from the text, so that an observer sees exactly what a later reader will.
        event = Event(int(done.lastrowid or 0), now, ev, *subjects, json.loads(text))
        self._written.append(event)
        return event

    def _tell(self, events: list[Event]) -> None:
        """An observer may write: what it causes is told after what caused it, to everybody in the same order."""
        self._untold.extend((observer, event) for event in events for observer in self.observers)
        if self._telling:
            return
        self._telling = True
        try:
            while self._untold:
                observer, event = self._untold.popleft()
                observer(event)
        finally:
            self._telling = False


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into one sentence with the path and what to do."""
    try:
        yield
    except sqlite3.Error as error:
        advice = _ADVICE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, _MOVE_AWAY)
        raise Failed(f"The database {path} cannot be used ({error}): {advice}.", code="store") from error


def _connect(path: Path) -> sqlite3.Connection:
    _claim(path)
    with ExitStack() as undo:
        connection = sqlite3.connect(path, timeout=OPENING_S, isolation_level=None, cached_statements=256)
        undo.callback(connection.close)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        if path.stat().st_size <= CHECKED_BYTES:
            _check(connection, path)
        migrate(connection, path)
        undo.pop_all()
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    problem = " ".join(str(connection.execute("PRAGMA quick_check(1)").fetchone()[0]).split())
    if problem != "ok":
        raise Failed(f"The database {path} is damaged ({problem}): {_MOVE_AWAY}.", code="store")


def _claim(path: Path) -> None:
    """Make the file ours alone (0600), or say why it cannot be.

    A file that exists is not opened here: closing it would drop the locks that SQLite holds on it in this process.
    """
    try:
        if not os.path.lexists(path):
            _create(path)
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
            raise Failed(
                f"The database {path} belongs to another user or is no file: remove it or set IAPEER_ROOT elsewhere.",
                code="store",
            )
        if stat.S_IMODE(status.st_mode) != 0o600:
            path.chmod(0o600)
    except OSError as error:
        raise Failed(
            f"The database {path} cannot be opened ({error.strerror}): {advice(error)}.", code="store"
        ) from error


def _create(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name itself must survive a power cut
    finally:
        os.close(folder)


def _repaired(values: Values) -> Values:
    if isinstance(values, Mapping):
        return {name: _repair(value) for name, value in values.items()}
    return tuple(_repair(value) for value in values)


def _repair(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
