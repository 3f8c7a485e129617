"""Commits that are not waited for one by one: who asks for it waits until they are on disk, many in one wait."""

from __future__ import annotations

import asyncio
import errno
import os
import threading

import pytest

from iapeer.model.errors import Failed
from iapeer.store import Store, writeahead
from tests.store.samples import message


class Disk:
    """Stands in for the call that waits for the disk: counts, and is done when it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waits = 0
        self.broken = False
        self.go = threading.Event()
        monkeypatch.setattr(writeahead, "_sync", self._wait)

    def _wait(self, descriptor: int) -> None:
        self.waits += 1
        assert self.go.wait(10)
        if self.broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fsync(descriptor)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_nobody_goes_on_before_the_disk_and_many_share_a_wait(store: Store, disk: Disk) -> None:
    async def acts() -> None:
        waiting = []
        for number in range(10):
            with store.lazily():
                store.accept(message(f"m{number}"))
            waiting.append(asyncio.create_task(store.durable()))
            await asyncio.sleep(0)
        assert not [task for task in waiting if task.done()]
        disk.go.set()
        await asyncio.gather(*waiting)

    asyncio.run(acts())
    assert disk.waits == 2  # the first one's, and one for all who came meanwhile


def test_a_commit_that_sqlite_waits_for_covers_those_before_it(store: Store, disk: Disk) -> None:
    with store.lazily():
        store.accept(message("m1"))
    store.accept(message("m2"))
    asyncio.run(store.durable())
    assert disk.waits == 0


def test_a_disk_that_fails_is_told_and_asked_again(store: Store, disk: Disk) -> None:
    disk.go.set()
    disk.broken = True
    with store.lazily():
        store.accept(message("m1"))
    for _ in range(2):
        with pytest.raises(Failed, match="cannot be written"):
            asyncio.run(store.durable())
    disk.broken = False
    asyncio.run(store.durable())
    assert disk.waits == 3


def test_together_is_one_transaction(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.together():
        store.accept(message("m1"))
        store.accept(message("m2"))
        _ = 1 / 0
    assert store.counts() == {}
