"""What a daemon stands on is deleted or exchanged under it: it mends what it can, and else makes room in order."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from iapeer.client import spawn
from iapeer.client.call import call
from iapeer.client.stop import stop_daemon
from iapeer.model.errors import Unreachable
from iapeer.paths.layout import layout
from iapeer.paths.rootlock import RootLock, holder
from iapeer.server.footing import Footing
from iapeer.server.sockets import UnixSocket
from iapeer.store import Store
from iapeer.testing.clock import ManualClock
from tests.harness import REPO, Root, wait_for

ENDS_S = 10.0  # generous


def _pid(root: Root) -> int:
    return int(root.call("GET", "/status")["daemon"]["pid"])


def _ended(root: Root) -> str:
    """What the daemon that we started said, once it has ended by itself."""
    assert root.daemon is not None
    assert root.daemon.wait(ENDS_S) == 1
    return root.said().splitlines()[-1]


@contextlib.contextmanager
def _successor(root: Root) -> Iterator[int]:
    """The daemon that serves now, once the one that we started has ended."""
    pid, file = _pid(root), root.socket.stat().st_ino
    assert root.daemon is not None
    assert pid != root.daemon.pid
    try:
        yield pid
        assert (_pid(root), root.socket.stat().st_ino) == (pid, file)
    finally:
        psutil.Process(pid).kill()


def test_a_deleted_socket_is_made_anew(fleet: Root) -> None:
    """The very next command finds the same daemon, and is not even told."""
    before = _pid(fleet)
    for times in (1, 2):
        shutil.rmtree(fleet.socket.parent)
        done = fleet.cli("list")
        assert (done.returncode, done.stderr, _pid(fleet)) == (0, "", before)
        assert len(fleet.events("socket_deleted")) == times
    assert fleet.socket.stat().st_mode & 0o777 == 0o600
    fleet.socket.unlink()
    assert "not running" not in fleet.cli("status").stdout
    fleet.socket.unlink()
    assert fleet.cli("daemon", "stop").stdout == "The daemon is stopped; sessions live on.\n"
    assert not psutil.pid_exists(before) or psutil.Process(before).status() == psutil.STATUS_ZOMBIE


def test_a_deleted_lock_is_taken_again(fleet: Root) -> None:
    """Nobody else can become the daemon of this root."""
    lock = layout(fleet.env).lock
    lock.unlink()
    wait_for(lambda: holder(str(lock)) == _pid(fleet), "the lock to be taken")
    assert fleet.cli("daemon", "run").returncode == 3


def test_a_deleted_state_folder_ends_the_daemon(fleet: Root) -> None:
    """The next command starts another; what the first one does at its end is nothing to its successor."""
    alice = fleet.peer("alice")
    fleet.send("alice", "first", wait="done")
    agent = alice.pid
    shutil.rmtree(fleet.base / "root" / "state")
    done = fleet.cli("init", str(alice.folder), "-r", "fake", "--trust")  # what was confirmed is gone, too
    assert (done.returncode, done.stderr) == (0, "")
    with _successor(fleet):
        said = _ended(fleet)
        assert "was deleted or exchanged" in said and str(fleet.daemon.pid if fleet.daemon else 0) in said
        (problem,) = fleet.call("GET", "/verify")["problems"]
        assert (problem["personality"], problem["level"]) == ("alice", "warning")
        lost = psutil.Process(agent)
        psutil.Process(int(problem["path"].removeprefix("pid "))).terminate()  # as it advises
        assert lost.wait(ENDS_S) is None
        assert fleet.call("GET", "/verify")["problems"] == []
        assert fleet.send("alice", "to the next", wait="done")["outcome"] == "delivered"
        assert layout(fleet.env).database.with_name("iapeer.db-wal").exists()


def test_of_two_daemons_the_older_one_ends(fleet: Root) -> None:
    """Lock and socket were deleted, and a second daemon was quicker than the look of the first."""
    assert fleet.daemon is not None
    psutil.Process(fleet.daemon.pid).suspend()
    layout(fleet.env).lock.unlink()
    fleet.socket.unlink()
    assert fleet.cli("list").returncode == 0
    psutil.Process(fleet.daemon.pid).resume()
    with _successor(fleet):
        assert "Another daemon has the lock" in _ended(fleet)
        assert fleet.cli("list").returncode == 0


# A daemon that has the lock and does nothing.
_DEAF = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from iapeer.paths.rootlock import RootLock
RootLock(Path(sys.argv[2])).acquire()
print(flush=True)
time.sleep(60)
"""


def test_a_deaf_daemon_is_named(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks and who would start one are told its process id, and `stop` ends it."""
    lock = layout(root.env).make().lock
    for name, value in root.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("IAPEER_SOCKET", str(root.socket))  # threads of other tests may have left one
    monkeypatch.setattr(spawn, "DEAF_S", 0.1)
    monkeypatch.setattr(spawn, "START_S", 0.1)
    with subprocess.Popen([sys.executable, "-c", _DEAF, str(REPO), str(lock)], stdout=subprocess.PIPE) as deaf:
        assert deaf.stdout is not None and deaf.stdout.readline()
        for start in (False, True):
            with pytest.raises(Unreachable, match=rf"\(pid {deaf.pid}\) lives and does not listen on {root.socket}"):
                call("GET", "/status", start=start)
        assert stop_daemon()
        assert deaf.wait(ENDS_S) == -15
    assert "not running" in root.cli("status").stdout


def test_a_lock_that_was_put_back_or_is_looked_at_ends_nobody(fleet: Root) -> None:
    """A plain file in its place is taken; commands that look who holds it have it for a moment."""
    lock = layout(fleet.env).lock
    lock.unlink()
    lock.touch(0o600)
    wait_for(lambda: holder(str(lock)) == _pid(fleet), "the lock to be taken")
    assert fleet.cli("list").returncode == 0
    assert fleet.daemon is not None and fleet.daemon.poll() is None


def test_a_socket_that_nobody_listens_on_is_made_again(tmp_path: Path) -> None:
    """The first try fails after the file was made: the next look tries again."""
    place = layout({"IAPEER_ROOT": str(tmp_path / "root")}).make()
    store = Store(place.database, ManualClock())
    lock = RootLock(place.lock)
    lock.acquire()
    unix, errors = UnixSocket(place.daemon_socket()), [OSError(24, "no descriptor is left")]

    async def two_looks() -> None:
        again = asyncio.Event()

        async def listen(_: socket.socket) -> None:
            if errors:
                raise errors.pop()
            again.set()

        unix.path.unlink()
        unix.socket.close()
        looking = asyncio.create_task(Footing(place, lock, store, 0.1).watch(unix, listen, lambda: None, lambda: None))
        await asyncio.wait_for(again.wait(), 20)
        looking.cancel()

    asyncio.run(two_looks())
    assert unix.is_there()
    unix.close()
    lock.release()
    store.close()
