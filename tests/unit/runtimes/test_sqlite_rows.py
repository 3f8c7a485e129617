"""Transcripts that are rows of a real SQLite database, which another connection writes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer.runtimes.load import read_adapter
from iapeer.runtimes.transcripts.kinds import newest_in, source_of
from iapeer.runtimes.transcripts.source import BEGIN, Cursor, Part, TranscriptSource, everything
from iapeer.runtimes.transcripts.sqlite import PART_ROWS, SqliteRows, newest
from iapeer.runtimes.transcripts.tail import PART
from iapeer.runtimes.transcripttables import Transcript
from iapeer.sessions.elsewhere import conversation_with
from iapeer.sessions.follower import Follower, at_end
from tests.harness import REPO
from tests.unit.runtimes.test_records import _message

RULES = read_adapter(REPO / "adapters" / "opencode.toml").transcript
NEW = ["new", "2", "3", "4"]  # more rows than were read
TABLE = "CREATE TABLE event (id TEXT PRIMARY KEY, aggregate_id TEXT, seq INTEGER, type TEXT, data TEXT)"


class Writer:
    """The program that writes the database, and keeps it open in WAL mode."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute(TABLE)
        self._next: dict[str, int] = {}

    def says(self, *texts: str, conversation: str = "ses_a") -> None:
        """Texts of a person, a row each."""
        for text in texts:
            part = {"time": 1000, "part": {"type": "text", "text": text}}
            self.row(conversation, "message.part.updated.1", json.dumps(part))

    def row(self, conversation: str, kind: str, data: str) -> None:
        """Any row."""
        seq = self._next.get(conversation, 0)
        self._next[conversation] = seq + 1
        values = (f"{conversation}-{seq}", conversation, seq, kind, data)
        self.connection.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?)", values)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    """A database with an open writer."""
    made = Writer(tmp_path / "opencode.db")
    yield made
    made.connection.close()


def rows_of(path: Path, rules: Transcript = RULES, conversation: str = "ses_a") -> TranscriptSource:
    """The transcript of a conversation."""
    source = source_of(rules, path, conversation)
    assert source is not None
    return source


def end_of(path: Path) -> Cursor:
    """The place behind all that a conversation holds."""
    end = at_end(RULES, str(path), "ses_a")
    assert end is not None
    return end


def texts(source: TranscriptSource, cursor: Cursor = BEGIN) -> list[str]:
    """What was said since `cursor`."""
    return [entry.text for entry in everything(source, cursor)]


def test_rows_are_read_while_another_writes(writer: Writer) -> None:
    """What is only in the write-ahead log counts; each row once; another conversation's never."""
    source = rows_of(writer.path)
    assert source.entries_since(BEGIN).entries == []
    writer.says("one")
    part = source.entries_since(BEGIN)
    assert [(entry.event, entry.text, entry.ms) for entry in part.entries] == [("user-turn", "one", 1000)]
    writer.says("elsewhere", conversation="ses_b")
    writer.says("two")
    again = rows_of(writer.path).entries_since(part.cursor)
    assert [entry.text for entry in again.entries] == ["two"]
    assert (again.more, again.anew) == (False, False)
    assert (writer.path.parent / "opencode.db-wal").stat().st_size > 0


def test_a_reader_leaves_no_lock(writer: Writer) -> None:
    """The writer can take the whole database, and empty its log."""
    writer.says("one")
    source = rows_of(writer.path)
    assert texts(source) == ["one"]
    assert writer.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    writer.says("two")
    assert texts(source) == ["one", "two"]


def test_a_database_that_was_closed_is_read(writer: Writer) -> None:
    """Its log is gone with its last writer."""
    writer.says("one")
    writer.connection.close()
    assert not (writer.path.parent / "opencode.db-wal").exists()
    assert texts(rows_of(writer.path)) == ["one"]
    assert end_of(writer.path).offset == 1


def test_much_comes_in_parts(writer: Writer) -> None:
    """Bounded by rows and by bytes."""
    writer.connection.execute("BEGIN")
    writer.says(*map(str, range(PART_ROWS + 1)), "x" * PART, "last")
    writer.connection.execute("COMMIT")
    source = rows_of(writer.path)
    first = source.entries_since(BEGIN)
    second = source.entries_since(first.cursor)
    third = source.entries_since(second.cursor)
    assert [len(part.entries) for part in (first, second, third)] == [PART_ROWS, 2, 1]
    assert [part.more for part in (first, second, third)] == [True, True, False]


def test_what_was_there_is_skipped_and_the_window_is_before_the_end(writer: Writer) -> None:
    """A resumed conversation begins at its end; one that was found again, a window before it."""
    writer.says("one", "two")
    end = end_of(writer.path)
    writer.says("three")
    assert texts(rows_of(writer.path), end) == ["three"]
    assert texts(rows_of(writer.path), rows_of(writer.path).before_end()) == ["one", "two", "three"]
    nothing = rows_of(writer.path, conversation="ses_none").end()
    assert nothing is not None
    assert nothing.offset == 0
    assert at_end(RULES, str(writer.path) + "-none", "ses_a") == BEGIN


@pytest.mark.parametrize("how", ["another file", "rows taken out", "another conversation"])
def test_another_record_is_read_from_its_beginning(writer: Writer, tmp_path: Path, how: str) -> None:
    """And said to be another."""
    writer.says("one", "two", "three")
    cursor = end_of(writer.path)
    conversation = "ses_a"
    if how == "another file":
        other = Writer(tmp_path / "new.db")
        other.says(*NEW)
        other.connection.close()
        writer.connection.close()
        (tmp_path / "new.db").replace(writer.path)
    elif how == "rows taken out":
        writer.connection.execute("DELETE FROM event")
        writer.connection.execute(
            "INSERT INTO event SELECT 'i', 'ses_a', 0, 'message.part.updated.1', ?",
            [json.dumps({"part": {"type": "text", "text": "new"}})],
        )
    else:
        conversation = "ses_b"
        writer.says(*NEW, conversation="ses_b")
    part = rows_of(writer.path, conversation=conversation).entries_since(cursor)
    assert (part.anew, part.entries[0].text) == (True, "new")


def test_what_is_locked_is_read_later(writer: Writer) -> None:
    """Nothing is lost, nothing is wrong with it, and nothing of it is taken for empty."""
    writer.says("one")
    writer.connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    writer.says("two")
    source = rows_of(writer.path)
    part = source.entries_since(BEGIN)
    assert (part.entries, part.cursor, source.unfit, part.unread) == ([], BEGIN, None, "it is locked")
    assert (source.end(), source.before_end()) == (None, BEGIN)
    with pytest.raises(OSError, match="it is locked"):
        everything(source)
    with pytest.raises(OSError, match="it is locked"):
        conversation_with(RULES, lambda _: str(writer.path), ("m1", 1), None)
    writer.connection.close()
    assert texts(source) == ["one", "two"]


def test_a_database_that_is_none_says_so(tmp_path: Path) -> None:
    """Whatever is there is never waited for, and comes back when it is right again."""
    path = tmp_path / "opencode.db"
    source = rows_of(path)
    assert (source.entries_since(BEGIN).entries, source.unfit) == ([], None)
    path.write_bytes(b"no database, but a text" * 100)
    assert (source.entries_since(BEGIN).entries, source.unfit) == ([], "it is no SQLite database")
    path.unlink()
    os.mkfifo(path)
    assert source.entries_since(BEGIN).entries == []
    assert source.unfit
    path.unlink()
    writer = Writer(path)
    with contextlib.closing(writer.connection):
        writer.says("one")
        assert texts(source) == ["one"]
        assert source.unfit is None


def test_a_damaged_one_says_so(writer: Writer) -> None:
    """Its pages hold something else."""
    writer.says(*("x" * 3000 for _ in range(20)))
    writer.connection.close()
    with writer.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 40_960)
    source = rows_of(writer.path)
    assert source.entries_since(BEGIN).entries == []
    assert source.unfit == "it is a damaged database"


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ("CREATE TABLE other (x)", "no such table: event"),
        ("CREATE TABLE event (aggregate_id TEXT, seq INTEGER, type TEXT)", "no such column: data"),
    ],
)
def test_another_schema_says_so(tmp_path: Path, schema: str, why: str) -> None:
    """A new version of the program may keep its conversations otherwise."""
    with contextlib.closing(sqlite3.connect(tmp_path / "opencode.db")) as connection:
        connection.execute(schema)
    source = rows_of(tmp_path / "opencode.db")
    assert source.entries_since(BEGIN).entries == []
    assert source.unfit == f"it is not as the adapter says ({why})"


def test_rows_that_are_no_record_say_nothing(writer: Writer) -> None:
    """No JSON, no object, no text, no known kind."""
    for data in ("{", "[1]", "\xff", "{}"):
        writer.row("ses_a", "message.part.updated.1", data)
    writer.connection.execute("INSERT INTO event VALUES ('n', 'ses_a', 4, 'x', NULL), ('b', 'ses_a', 5, 'x', x'ff')")
    writer._next["ses_a"] = 6
    writer.says("one")
    assert texts(rows_of(writer.path))[-1] == "one"


def test_nothing_can_be_written(writer: Writer) -> None:
    """Whoever wrote the adapter: names are all that it says, and the connection only reads."""
    named = RULES.sqlite
    assert named is not None
    with pytest.raises(ValueError, match="pattern"):
        type(named).model_validate({**named.model_dump(), "table": 'event"; DROP TABLE event; --'})


def test_a_conversation_that_was_begun_unseen_is_found_by_its_message(writer: Writer) -> None:
    """Among those that were written to last."""
    key = ("m1", 1)
    writer.says("old", conversation="ses_old")
    writer.says("begun", conversation="ses_new")
    where = RULES, lambda _: str(writer.path), key, None
    assert conversation_with(*where) is None
    writer.says(_message("m1"), conversation="ses_new")
    assert [conversation for conversation, _ in newest_in(RULES, writer.path, 8)] == ["ses_new", "ses_old"]
    assert [conversation for conversation, _ in newest_in(RULES, writer.path, 1)] == ["ses_new"]
    assert [conversation for conversation, _ in newest_in(RULES, writer.path, 8, "old")] == ["ses_old"]
    writer.says("later", conversation="ses_old")
    assert conversation_with(*where) == "ses_new"


def test_a_follower_waits_for_the_conversation_and_watches_the_log(writer: Writer) -> None:
    """Nothing is followed before it is known which; what is written to the log wakes who looks."""
    writer.says("one")
    unknown = Follower(RULES, str(writer.path), 0)
    assert (unknown.read().open, unknown.path) == (False, None)
    assert unknown.places == {writer.path.parent: frozenset({"opencode.db", "opencode.db-wal"})}
    known = Follower(RULES, str(writer.path), 0, conversation="ses_a")
    assert (known.read().open, known.path) == (True, writer.path)
    assert Cursor(known.position.offset, known.position.file) == rows_of(writer.path).end()


@pytest.mark.parametrize("name", ["-journal", "-wal", "-shm"])
@pytest.mark.parametrize("link", [False, True])
@pytest.mark.timeout(20, method="thread")  # a signal would not end it
def test_what_stands_beside_is_never_waited_for(writer: Writer, tmp_path: Path, name: str, link: bool) -> None:
    """SQLite opens three files by their names, beside the file that a link leads to."""
    writer.says("one")
    writer.connection.close()
    os.mkfifo(f"{writer.path}{name}")
    (tmp_path / "link.db").symlink_to(writer.path)
    source = rows_of(tmp_path / "link.db" if link else writer.path)
    part = source.entries_since(BEGIN)
    assert (part.entries, part.unread) == ([], source.unfit)
    assert source.unfit == f"its {name} is no regular file of this user"


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE VIEW EVENT AS WITH RECURSIVE r(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM r)"
        " SELECT 'ses_a' AS aggregate_id, seq, 'x' AS type, '{}' AS data FROM r",
        "CREATE VIRTUAL TABLE event USING fts4(id, aggregate_id, seq, type, data)",
        "CREATE TABLE event (aggregate_id TEXT, seq INTEGER, type TEXT, data TEXT AS (type GLOB '*a*a*b'))",
    ],
)
def test_what_computes_its_rows_is_never_asked(tmp_path: Path, schema: str) -> None:
    """It might compute for ever."""
    path = tmp_path / "opencode.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(schema)
    source = rows_of(path)
    assert source.entries_since(BEGIN).unread == source.unfit
    assert source.unfit == "it is not as the adapter says (event is no plain table)"
    assert RULES.sqlite is not None
    with pytest.raises(OSError, match="plain table"):
        newest(RULES.sqlite, path, 8, "")


def test_others_have_their_turn_while_a_question_is_asked(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes; two who read at once take in each row once."""
    writer.says("one")
    asked, others, ask = threading.Event(), threading.Event(), SqliteRows.entries_since

    def slow(self: SqliteRows, cursor: Cursor) -> Part:
        asked.set()
        assert others.wait(10)
        return ask(self, cursor)

    monkeypatch.setattr(SqliteRows, "entries_since", slow)
    taken: list[Part] = []

    class Told(Follower):
        def _take(self, part: Part) -> None:
            taken.append(part)
            super()._take(part)

    follower = Told(RULES, str(writer.path), 0, conversation="ses_a")

    async def run() -> None:
        readings = [asyncio.create_task(follower.read_all()) for _ in range(2)]
        assert await asyncio.to_thread(asked.wait, 10)
        others.set()
        assert [turn.open for turn in await asyncio.gather(*readings)] == [True, True]

    asyncio.run(run())
    assert [len(part.entries) for part in taken] == [1]


def test_what_is_unfit_is_left_alone_for_a_while(tmp_path: Path) -> None:
    """Each try may take long: whatever changes in it, it is not tried again at once."""
    now = [1000.0]
    path = tmp_path / "opencode.db"
    path.write_bytes(b"no database, but a text" * 100)
    follower = Follower(RULES, str(path), 0, conversation="ses_a", apart=5.0, now=lambda: now[0])
    assert not asyncio.run(follower.read_all()).open
    assert follower.left_alone
    path.unlink()
    writer = Writer(path)
    with contextlib.closing(writer.connection):
        writer.says("one")
        now[0] += 4.9
        assert not asyncio.run(follower.read_all()).open
        now[0] += 0.2
        assert asyncio.run(follower.read_all()).open
    assert not follower.left_alone
