"""What the daemon stands on: its lock, its database and its socket, which somebody may delete or exchange under it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from iapeer.model.disk import using
from iapeer.model.errors import PeerError
from iapeer.paths.layout import Layout
from iapeer.paths.rootlock import RootLock
from iapeer.store import Store

log = logging.getLogger("iapeer.daemon")
LOOK_S, LOOKS = 1.0, 3


class UnixSocket:
    """Our socket, and the file by which it is found. A file that is there already is stale, for we hold the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = self.bind()

    def bind(self) -> socket.socket:
        """A new socket at the path, in place of the one before."""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            with using(self.path):
                self.path.unlink(missing_ok=True)
                self.socket.bind(str(self.path))
        finally:
            os.umask(before)
        self._file = _file(self.path)
        return self.socket

    def abandon(self) -> None:
        """Nobody listens on it: it counts as deleted."""
        self._file = None
        self.socket.close()

    def is_there(self) -> bool:
        """Whether the file at the path is ours."""
        return self._file is not None and _file(self.path) == self._file

    def close(self) -> None:
        """Close it. The file goes with it, unless it is another daemon's."""
        if self.is_there():
            self.path.unlink(missing_ok=True)
        self.socket.close()


class Footing:
    """Looks after lock, database and socket while the daemon serves."""

    def __init__(self, layout: Layout, lock: RootLock, store: Store) -> None:
        self._layout = layout
        self._lock = lock
        self._store = store
        self._database = _file(layout.database)
        self._missed = 0  # looks in a row that did not find the lock to be ours

    def secure(self) -> str | None:
        """Take a deleted lock file again. Why this daemon has to end, in a sentence; None while all is well."""
        ours = f"this daemon (pid {os.getpid()}) ends, its sessions live on"
        if self._database is None or _file(self._layout.database) != self._database:
            return f"The database {self._layout.database} was deleted or exchanged: {ours}."
        self._missed = 0 if self._lock.keep() else self._missed + 1
        if self._missed >= LOOKS:  # a command that looks who holds it has it for a moment
            return f"Another daemon has the lock {self._layout.lock}, which was deleted: {ours}."
        return None

    async def watch(
        self, unix: UnixSocket, listen: Callable[[socket.socket], Awaitable[None]], end: Callable[[], None],
        progressed: Callable[[], None],
    ) -> None:  # fmt: skip
        """Look every LOOK_S, for ever. A deleted socket is made anew, to `listen` on; when all is lost, call `end`."""
        while True:
            await asyncio.sleep(LOOK_S)
            if (why := self.secure()) is not None:
                log.error("%s", why)
                end()
                await asyncio.Event().wait()
            if not self._missed and not unix.is_there():  # else it may be another daemon's socket that is there
                await self._renew(unix, listen)
            progressed()

    async def _renew(self, unix: UnixSocket, listen: Callable[[socket.socket], Awaitable[None]]) -> None:
        try:
            self._layout.make()
            await listen(unix.bind())
        except (OSError, PeerError) as error:
            unix.abandon()  # the next look tries again
            log.warning("%s was deleted and cannot be made anew: %s", unix.path, error)
            return
        log.warning("%s was deleted and is made anew", unix.path)
        with contextlib.suppress(PeerError):
            self._store.events.append("socket_deleted", socket=str(unix.path))


def _file(path: Path) -> tuple[int, int] | None:
    """Which file stands there: (device, inode); None: none."""
    try:
        info = path.lstat()
    except OSError:
        return None
    return info.st_dev, info.st_ino
