"""Opening the file: made private, brought to this version, or refused in one sentence before anything is accepted."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from iapeer.model.errors import Failed
from iapeer.model.holds import HoldCause
from iapeer.model.states import State
from iapeer.store import ADOPT, ALL_PEERS, ANSWER, ARMED, FRESH, INFORMATIONAL, Store
from iapeer.store.migrations import MIGRATIONS, VERSION
from iapeer.testing.clock import ManualClock

from .samples import BOB, check_activations, message

HERE = Path(__file__).parent
as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs another user or a mount")


def _refused(path: Path) -> str:
    """The one sentence with which the file is refused."""
    with pytest.raises(Failed) as failed:
        Store(path, ManualClock())
    assert failed.value.code == "store"
    assert str(path) in str(failed.value)
    assert "\n" not in str(failed.value)
    return str(failed.value)


def _schema(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as sql:
        return sql.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 2"
        ).fetchall()


def test_the_files_are_private_and_safe(tmp_path: Path) -> None:
    """0600 for all three whatever the umask; WAL, and every commit synced."""
    old = os.umask(0)
    try:
        store = Store(tmp_path / "a.db", ManualClock())
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    pragmas = {name: store.database.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _PRAGMAS}
    store.close()
    assert modes == {"a.db": 0o600, "a.db-wal": 0o600, "a.db-shm": 0o600}
    assert pragmas == _PRAGMAS


_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000, "user_version": VERSION}


def test_a_readable_file_is_closed_to_others(tmp_path: Path) -> None:
    """Ours, but made by hand with an open mode."""
    path = tmp_path / "a.db"
    path.touch()
    path.chmod(0o644)
    Store(path, ManualClock()).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_stored_is_there_after_reopening(tmp_path: Path) -> None:
    """All of it."""
    first = Store(tmp_path / "a.db", ManualClock())
    first.peers.add("bob", "/work/bob")
    row = first.messages.accept(message())
    events = first.events.page()
    first.close()
    again = Store(tmp_path / "a.db", ManualClock())
    assert (again.inbox.row(row.message), again.events.page()) == (row, events)
    again.close()


def _opened(folder: Path, version: int) -> Store:
    """The store on a file that this version wrote."""
    path = folder / f"v{version}.db"
    with closing(sqlite3.connect(path)) as sql:
        sql.executescript((HERE / f"v{version}.sql").read_text())
    store = Store(path, ManualClock())
    check_activations(store)
    return store


def test_a_file_of_version_1_opens(tmp_path: Path) -> None:
    """v1.sql is a dump of a file that version 1 wrote; whatever comes later, it opens and nothing in it is lost."""
    store = _opened(tmp_path, 1)
    assert [peer.personality for peer in store.peers.all()] == ["ann", "bob"]
    assert store.peers.get("ann").stopped  # type: ignore[union-attr]
    flying = store.inbox.in_flight(BOB)
    assert flying is not None
    assert (flying.state, flying.body, flying.attachments, flying.session) == (
        State.RUNNING,
        "a\x00b\ud800 日本",
        ("/a b",),
        "s1",
    )
    assert store.inbox.waiting_identities().count(BOB) == 1
    assert store.inbox.depth("codex-ann") == 1
    assert store.sessions.get("s1").folder == "/work/bob"  # type: ignore[union-attr]
    assert store.settings.get("port") == "8765"
    assert len(store.events.page()) == store.events.last_seq() == 10
    assert store.inbox.move(flying.message, State.DONE).state is State.DONE
    store.close()


def test_a_file_of_version_2_opens(tmp_path: Path) -> None:
    """v2.sql is a dump of a file that version 2 wrote: replies, what is held, topics and marks are there."""
    store = _opened(tmp_path, 2)
    asked = store.inbox.in_flight(BOB)
    assert asked is not None
    assert (asked.message, asked.asks, asked.body) == ("m1", True, "a\x00b\ud800 日本")
    answer = store.messages.reply_to(asked)
    assert answer is not None
    assert (answer.message, answer.state, answer.reason, answer.re) == ("m4", State.HELD, "stopped", "m1")
    assert (store.inbox.row("m5").state, store.inbox.row("m5").outcome) == (State.DONE, INFORMATIONAL)  # type: ignore[union-attr]
    assert [row.message for row in store.holds.release_due(1_700_000_060_000)] == ["m3"]
    assert store.sessions.get("s1").topics_list == ["release", "parser"]  # type: ignore[union-attr]
    assert store.flags.of(BOB) == ["refresh"]
    assert (
        store.messages.accept(message("a\x00b\ud800 日本", key="k", topic="release", attachments=("/a b",), asks=True))
        == asked
    )
    store.close()


def test_a_file_of_version_3_opens(tmp_path: Path) -> None:
    """v3.sql is a dump of a file that version 3 wrote: a worker's armed session, its task, an answer."""
    store = _opened(tmp_path, 3)
    task = store.inbox.in_flight(BOB)
    assert task is not None
    assert (task.message, task.session, task.asks) == ("m1", "s1", True)
    assert (store.activations.typed_before("s1", "m1"), store.activations.typed_before("s1", "m2")) == (False, True)
    assert store.flags.of(BOB) == [ARMED, FRESH]
    answer = store.inbox.next_waiting(BOB)
    assert answer is not None
    assert (answer.message, answer.priority) == ("m3", ANSWER)
    assert store.inbox.counts() == {"held": 1, "queued": 3, "running": 1}
    assert (store.inbox.depth(BOB), store.inbox.depth("codex-bob"), store.inbox.count_unfinished("bob")) == (3, 1, 5)
    assert store.holds.release("bob", HoldCause.LOOP, most=1) == 1
    assert (store.inbox.depth(BOB), store.inbox.waiting_identities()) == (3, [BOB, "codex-bob"])
    store.sessions.end("s1", cause="reaped")
    assert store.flags.of(BOB) == [FRESH]
    assert store.sessions.get("s1").version is None  # type: ignore[union-attr]
    store.close()


def test_a_file_of_version_4_opens(tmp_path: Path) -> None:
    """v4.sql is a dump of a file that version 4 wrote: a session knows its program's version, those of before none."""
    store = _opened(tmp_path, 4)
    assert [(one.id, one.version) for one in store.sessions.newest("bob")] == [
        ("s1", None),
        ("s2", "2.1.332"),
        ("s3", None),
    ]
    flying = store.inbox.in_flight(BOB)
    assert flying is not None
    assert (flying.message, flying.session) == ("m1", "s2")
    assert store.settings.get(ADOPT) is not None
    store.close()


def test_a_file_of_version_5_opens(tmp_path: Path) -> None:
    """v5.sql is a dump of a file that version 5 wrote: what was confirmed of a peer and of a runtime is there."""
    store = _opened(tmp_path, 5)
    assert store.settings.get(ADOPT) is None
    launch = '{"args": ["--a b"], "env": {"KEY": "v\\u00e4"}}'
    assert store.consents.of("bob") == {("", "permissions"): '"bypass"', ("claude", "launch.env"): launch}
    assert store.consents.get(ALL_PEERS, "claude", "program") == "/usr/bin/claude"
    assert [session.port for session in store.sessions.newest("bob")] == [None, "4711 ab", None]
    store.peers.remove("bob")
    assert store.consents.of("bob") == {}
    store.close()


def test_attempts_of_before_are_told_by_their_events(tmp_path: Path) -> None:
    """A row that came back twice, once from the queue itself; one that is over keeps its session; one waits again."""
    queued = (
        "INSERT INTO events (ts, ev, personality, identity, message, session, data) VALUES (?, 'queued', 'bob', ?, "
    )
    with closing(sqlite3.connect(tmp_path / "v5.db")) as sql:
        sql.executescript((HERE / "v5.sql").read_text())
        for ts, message, attempt, why in ((5, "m1", 1, "draft"), (6, "m1", 2, "died"), (7, "m1", 2, "busy")):
            data = f'{{"from": "running", "to": "queued", "reason": "{why}", "attempt": {attempt}}}'
            sql.execute(f"{queued} ?, 's1', ?)", (ts, BOB, message, data))
        sql.execute("UPDATE inbox SET attempt = 2, typed_ms = 8")
        for number, state, session in ((2, "failed", "s1"), (3, "queued", None)):
            sql.execute("INSERT INTO messages SELECT 'm' || ?, sender, sender_runtime, sender_intelligence, addressee, "
                        "kind, topic, re, body, attachments, key, fingerprint, created_ms, asks FROM messages "
                        "WHERE id = 'm1'", (number,))  # fmt: skip
            sql.execute("INSERT INTO inbox (message, identity, state, session, outcome, created_ms, updated_ms) "
                        "VALUES ('m' || ?, ?, ?, ?, 'boom', 1, 9)", (number, BOB, state, session))  # fmt: skip
        sql.commit()
    store = Store(tmp_path / "v5.db", ManualClock())
    check_activations(store)
    first, second = store.activations.of("m1")
    assert (first.session, first.attempt, first.state, first.outcome) == ("s1", 1, State.QUEUED, "died")
    assert (second.session, second.attempt, second.state, second.typed_ms) == ("s2", 2, State.LEASED, 8)
    assert (second.baseline, second.ended_ms) == ('{"path": null, "offset": 0}', None)
    [over] = store.activations.of("m2")
    assert (over.session, over.state, over.outcome, over.ended_ms) == ("s1", State.FAILED, "boom", 9)
    assert (store.inbox.row("m2").session, store.activations.of("m3")) == ("s1", [])  # type: ignore[union-attr]
    assert store.activations.typed_before("s1", "")
    store.close()


def test_a_file_of_version_6_opens(tmp_path: Path) -> None:
    """v6.sql is a dump of a file that version 6 wrote: a held row had one cause, and carries that one."""
    store = _opened(tmp_path, 6)
    rows = [store.inbox.known_row(f"m{number}") for number in range(1, 9)]
    carried = [{*store.holds.causes_of(row)} for row in rows]
    stopped, guard, attached, awaited, loop = ({cause} for cause in HoldCause)
    assert carried == [set(), stopped, guard, attached, awaited, loop, stopped, set()]
    assert (store.inbox.counts(), store.inbox.depth(BOB)) == ({"held": 6, "queued": 1, "running": 1}, 6)
    flying = store.inbox.in_flight(BOB)
    assert flying is not None
    assert (flying.message, flying.session, flying.baseline) == ("m1", "s1", '{"size": 7}')
    assert store.inbox.next_deadline(1_700_000_000_000) == 1_700_000_060_000
    assert [row.message for row in store.holds.release_due(1_700_000_090_000)] == ["m6"]
    assert store.holds.release("bob", HoldCause.STOPPED) == 2
    store.close()


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6])
def test_a_migration_is_what_its_version_was(tmp_path: Path, version: int) -> None:
    """A released step is never edited."""
    with closing(sqlite3.connect(tmp_path / "old.db")) as sql:
        sql.executescript((HERE / f"v{version}.sql").read_text())
    with closing(sqlite3.connect(tmp_path / "new.db")) as sql:
        for script in MIGRATIONS[:version]:
            sql.executescript(script)
    assert _schema(tmp_path / "old.db") == _schema(tmp_path / "new.db")


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    """And left as it is."""
    path = tmp_path / "a.db"
    Store(path, ManualClock()).close()
    with closing(sqlite3.connect(path)) as sql:
        sql.execute(f"PRAGMA user_version = {VERSION + 1}")
    assert "newer iapeer" in _refused(path)


def test_a_migration_that_breaks_leaves_the_old_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step is whole or not there: mended, the same file opens."""
    path = tmp_path / "a.db"
    Store(path, ManualClock()).close()
    before = _schema(path)
    broken = (*MIGRATIONS, "CREATE TABLE half (x); CREATE TABLE half (x);")
    monkeypatch.setattr("iapeer.store.migrations.MIGRATIONS", broken)
    monkeypatch.setattr("iapeer.store.migrations.VERSION", len(broken))
    _refused(path)
    monkeypatch.undo()
    assert _schema(path) == before
    Store(path, ManualClock()).close()


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """And not a table is added to it."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as sql:
        sql.execute("CREATE TABLE theirs (x)")
    assert "another program" in _refused(path)
    assert [name for _, name, _ in _schema(path)] == ["theirs"]


def test_a_corrupt_file_is_refused(tmp_path: Path) -> None:
    """Text instead of a database, and a page of garbage in the middle of one."""
    path = tmp_path / "a.db"
    path.write_text("no database at all" * 100)
    assert "move it" in _refused(path)
    path = tmp_path / "b.db"
    store = Store(path, ManualClock())
    store.peers.add("bob", "/work/bob")
    store.messages.accept_many([message("x" * 2000) for _ in range(50)])
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + os.urandom(8192) + whole[len(whole) // 2 + 8192 :])
    assert "move it" in _refused(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder, a link, a missing folder above."""
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "target")
    for name in ("folder.db", "link.db", "missing/a.db"):
        _refused(tmp_path / name)
    assert not (tmp_path / "target").exists()


@as_root
def test_another_users_file_is_refused(tmp_path: Path) -> None:
    """Also by root."""
    path = tmp_path / "a.db"
    Store(path, ManualClock()).close()
    os.chown(path, 65534, 65534)
    assert "another user" in _refused(path)


@pytest.fixture
def nobody() -> Iterator[int]:
    """This process as an ordinary user for a while."""
    os.setresuid(65534, 65534, 0)
    yield 65534
    os.setresuid(0, 0, 0)


@pytest.fixture(params=["empty", "with a database"])
def read_only_folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder nobody may write to, reachable for everybody; the file in it would be theirs."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        path = Path(name) / "a.db"
        if request.param != "empty":
            Store(path, ManualClock()).close()
            os.chown(path, 65534, 65534)
        Path(name).chmod(0o555)
        yield path


@as_root
def test_a_read_only_folder_is_refused(read_only_folder: Path, nobody: int) -> None:
    """With and without a database in it; as an ordinary user, since root may write anywhere."""
    assert "writable" in _refused(read_only_folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    mount = shutil.which("mount")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = [mount or "false", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("pages_left", [0, 8, 9])
def test_a_full_disk_refuses_to_open(small_disk: Path, pages_left: int) -> None:
    """Found out by opening, not by the first message; with room again the same file opens."""
    path = small_disk / "a.db"
    Store(path, ManualClock()).close()
    free = os.statvfs(small_disk)
    (small_disk / "filler").write_bytes(bytes((free.f_bavail - pages_left) * free.f_frsize))
    assert "disk" in _refused(path)
    (small_disk / "filler").unlink()
    Store(path, ManualClock()).close()


def test_a_disk_that_fills_up_refuses_the_message(tmp_path: Path) -> None:
    """Nothing of it is stored or told, what was there stays, and with room again work goes on."""
    store = Store(tmp_path / "a.db", ManualClock())
    store.peers.add("bob", "/work/bob")
    kept = store.messages.accept(message())
    told: list[object] = []
    store.observers.append(told.append)
    pages = store.database.connection.execute("PRAGMA page_count").fetchone()[0]
    store.database.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Failed, match="full.*free some disk space") as failed:  # noqa: RUF043 - a pattern
        store.messages.accept(message("x" * 100_000))
    assert failed.value.code == "store"
    assert (store.inbox.counts(), told) == ({"queued": 1}, [])
    store.database.connection.execute(f"PRAGMA max_page_count = {pages * 100}")
    store.messages.accept(message("x" * 100_000))
    assert store.inbox.next_waiting(BOB) == kept
    store.close()


def test_another_writer_is_named_as_the_cause(tmp_path: Path) -> None:
    """Somebody holds the write lock for longer than the busy timeout."""
    store = Store(tmp_path / "a.db", ManualClock())
    store.database.connection.execute("PRAGMA busy_timeout = 10")
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Failed, match="another process"):
            store.settings.put("a", "b")
        other.execute("ROLLBACK")
    store.settings.put("a", "b")
    store.close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """As every other error of the store."""
    store = Store(tmp_path / "a.db", ManualClock())
    store.close()
    store.close()
    with pytest.raises(Failed, match="closed"):
        store.settings.get("a")
