"""Watching for files, also ones whose folders do not exist yet."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from iapeer.sessions.filewatch import FileWatch, Places, coming, file_watch, just, merged, places_of
from iapeer.sessions.follower import Follower
from tests.unit.runtimes.test_records import FAKE, _message, _record


def test_a_plain_path_is_watched_at_the_nearest_folder(tmp_path: Path) -> None:
    """Nothing there: the nearest folder, all of it. Its folder there: the name. The file there: it."""
    pattern = str(tmp_path / "a" / "b" / "t.jsonl")
    assert places_of(pattern) == (None, {tmp_path: None})
    (tmp_path / "a").mkdir()
    assert places_of(pattern) == (None, {tmp_path / "a": None})
    (tmp_path / "a" / "b").mkdir()
    assert places_of(pattern) == (None, {tmp_path / "a" / "b": frozenset({"t.jsonl"})})
    file = tmp_path / "a" / "b" / "t.jsonl"
    file.touch()
    assert places_of(pattern) == (file, {file.parent: frozenset({"t.jsonl"})})


def test_a_star_stands_for_one_folder_name(tmp_path: Path) -> None:
    """Every folder is watched for the file's coming; of several files the newest counts."""
    pattern = str(tmp_path / "projects" / "*" / "t.jsonl")
    assert places_of(pattern) == (None, {tmp_path: None})
    one, two = tmp_path / "projects" / "one", tmp_path / "projects" / "two"
    for folder in (one, two):
        folder.mkdir(parents=True)
    names = frozenset({"t.jsonl"})
    assert places_of(pattern) == (None, {tmp_path / "projects": None, one: names, two: names})
    (two / "t.jsonl").touch()
    (one / "t.jsonl").touch()
    os.utime(one / "t.jsonl", (1, 1))
    assert places_of(pattern)[0] == two / "t.jsonl"


def test_where_the_next_file_will_come(tmp_path: Path) -> None:
    """In the last folder of each star by name; the folders above tell when there is a later one."""
    pattern = str(tmp_path / "sessions" / "*" / "*" / "r-*-c1.jsonl")
    assert coming(pattern) == {tmp_path: frozenset({"sessions"})}
    (tmp_path / "sessions").mkdir()
    assert coming(pattern) == {tmp_path / "sessions": None}
    for day in ("01", "02"):
        (tmp_path / "sessions" / "2026" / day).mkdir(parents=True)
    year = tmp_path / "sessions" / "2026"
    assert coming(pattern) == {tmp_path / "sessions": None, year: None, year / "02": frozenset({"r-*-c1.jsonl"})}


def test_places_of_several_add_up(tmp_path: Path) -> None:
    """Names of the same folder together; all of them where one wants all."""
    some: tuple[Places, ...] = ({tmp_path: frozenset({"a"})}, {tmp_path: frozenset({"b"})}, {tmp_path: None})
    one, two, everything = some
    assert merged(one, two) == {tmp_path: frozenset({"a", "b"})}
    assert merged(one, everything, two) == {tmp_path: None}


def _watching(act: Callable[[FileWatch, asyncio.Event], Awaitable[None]]) -> None:
    """Run `act`, a coroutine function, with a watch and the event that it sets."""

    async def run() -> None:
        watch = file_watch()
        told = asyncio.Event()
        watching = asyncio.create_task(watch.keep_watching(lambda: None))
        await asyncio.sleep(0)  # it watches
        try:
            async with asyncio.timeout(10):
                await act(watch, told)
        finally:
            watching.cancel()
            watch.close()

    asyncio.run(run())


def test_a_file_in_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    """Folder by folder, a follower that looks whenever it is told comes to the file, and reads what it gains."""
    follower = Follower(FAKE, str(tmp_path / "home" / "conversations" / "c.jsonl"), 0)

    async def act(watch: FileWatch, told: asyncio.Event) -> None:
        follower.read()
        watch.want("me", follower.places, told.set)

        async def next_look() -> None:
            await told.wait()
            told.clear()
            follower.read()
            watch.want("me", follower.places, told.set)

        (tmp_path / "home").mkdir()
        await next_look()
        (tmp_path / "home" / "conversations").mkdir()
        await next_look()
        file = tmp_path / "home" / "conversations" / "c.jsonl"
        file.write_bytes(_record("user", 1, text=_message("m1")) + b"\n")
        while not follower.turn.arrived:
            await next_look()
        with file.open("ab") as more:
            more.write(_record("turn_end", 2) + b"\n")
        while follower.turn.outcome is None:
            await next_look()
        assert follower.path == file

    _watching(act)


def test_only_names_that_matter_are_told(tmp_path: Path) -> None:
    """Another file in a watched folder wakes nobody; a dropped owner is told nothing any more."""

    async def act(watch: FileWatch, told: asyncio.Event) -> None:
        watch.want("me", {tmp_path: frozenset({"mine"})}, told.set)
        (tmp_path / "other").write_text("x")
        await asyncio.sleep(0.05)
        assert not told.is_set()
        (tmp_path / "mine").write_text("x")
        await told.wait()
        await asyncio.sleep(0.05)
        told.clear()
        watch.drop("me")
        watch.drop("me")
        (tmp_path / "mine").write_text("y")
        await asyncio.sleep(0.05)
        assert not told.is_set()
        watch.want("me", {tmp_path: frozenset({"r-*-c1.jsonl"})}, told.set)
        (tmp_path / "r-x-c2.jsonl").touch()
        await asyncio.sleep(0.05)
        assert not told.is_set()
        (tmp_path / "r-x-c1.jsonl").touch()
        await told.wait()

    if sys.platform == "linux":
        _watching(act)


def test_owners_share_a_folder(tmp_path: Path) -> None:
    """One gone, the other still hears; a place that is gone when it is wanted is no error."""

    async def act(watch: FileWatch, told: asyncio.Event) -> None:
        other = asyncio.Event()
        watch.want("one", {tmp_path: None, tmp_path / "gone": None}, told.set)
        watch.want("two", {tmp_path: None}, other.set)
        watch.drop("two")
        (tmp_path / "x").touch()
        await told.wait()
        assert not other.is_set()

    _watching(act)


def test_a_folder_under_two_names_is_heard_by_both(tmp_path: Path) -> None:
    """By a link: to the kernel it is one folder. One owner gone, the other still hears."""
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)

    async def act(watch: FileWatch, told: asyncio.Event) -> None:
        other = asyncio.Event()
        watch.want("by link", {link: frozenset({"x"})}, told.set)
        watch.want("by name", {real: frozenset({"x"})}, other.set)
        (real / "x").write_text("1")
        await told.wait()
        await other.wait()
        await asyncio.sleep(0.05)
        watch.drop("by name")
        told.clear()
        (link / "x").write_text("2")
        await told.wait()

    _watching(act)


def test_a_file_that_is_a_link_is_watched_where_it_is_written(tmp_path: Path) -> None:
    """And where it may be replaced."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "real").touch()
    (tmp_path / "t.jsonl").symlink_to("a/real")
    names = {tmp_path: frozenset({"t.jsonl"}), tmp_path / "a": frozenset({"real"})}
    assert places_of(str(tmp_path / "t.jsonl")) == (tmp_path / "t.jsonl", names)


def test_a_resumed_reading_begins_near_the_end(tmp_path: Path) -> None:
    """A turn that an earlier process left open is passed over."""
    file = tmp_path / "c.jsonl"
    file.write_bytes(_record("user", 1, text="old") + b"\n")
    since = int(time.time() * 1000)
    follower = Follower(FAKE, str(file), since, None)
    assert not follower.read().open
    with file.open("ab") as more:
        more.write(b'{"type": "user", "text": "new"}\n')
    assert follower.read().open


def test_reading_a_database_wakes_nobody(tmp_path: Path) -> None:
    """SQLite opens its log to write, only to read it. What another connection writes is told, each time."""
    path = tmp_path / "t.db"

    async def act(watch: FileWatch, told: asyncio.Event) -> None:
        async def passed() -> None:
            """Wait until all that has happened so far was told."""
            mark = asyncio.Event()
            watch.want("mark", {tmp_path: frozenset({"mark"})}, mark.set)
            (tmp_path / "mark").touch()
            await mark.wait()
            (tmp_path / "mark").unlink()
            watch.drop("mark")

        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("CREATE TABLE t (x)")
            watch.want("me", merged(just(path), just(tmp_path / "t.db-wal")), told.set)
            for value in range(3):
                writer.execute("INSERT INTO t VALUES (?)", [value])
                await told.wait()
                await passed()
                told.clear()
                with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as reader:
                    assert reader.execute("SELECT max(x) FROM t").fetchone() == (value,)
                await passed()
                assert not told.is_set()
                writer.execute("PRAGMA wal_checkpoint(PASSIVE)")  # what is written next overwrites the log
                await passed()
                told.clear()

    _watching(act)
