"""Watches the files that the daemon depends on, its lock, database and socket: somebody may delete or exchange them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable

from iapeer.model.errors import PeerError
from iapeer.paths.layout import Layout
from iapeer.paths.rootlock import RootLock
from iapeer.server.sockets import UnixSocket, file_id
from iapeer.store import Store

log = logging.getLogger("iapeer.daemon")
LOOKS = 3  # in a row that do not find the lock to be ours, and it is not


class Footing:
    """Takes a deleted lock again, makes a deleted socket anew, and ends the daemon when database or lock are lost.

    `every_s`: the seconds between two looks.
    """

    def __init__(self, layout: Layout, lock: RootLock, store: Store, every_s: float) -> None:
        self._layout = layout
        self._lock = lock
        self._store = store
        self._every_s = every_s
        self._database = file_id(layout.database)
        self._missed = 0  # looks in a row that did not find the lock to be ours

    def secure(self) -> str | None:
        """Take a deleted lock file again. Return why this daemon has to end, in a sentence; None while all is well."""
        ours = f"this daemon (pid {os.getpid()}) ends, its sessions live on"
        if self._database is None or file_id(self._layout.database) != self._database:
            return f"The database {self._layout.database} was deleted or exchanged: {ours}."
        self._missed = 0 if self._lock.keep() else self._missed + 1
        if self._missed >= LOOKS:  # a command that looks who holds it has it for a moment
            return f"Another daemon has the lock {self._layout.lock}, which was deleted: {ours}."
        return None

    async def watch(
        self, unix: UnixSocket, listen: Callable[[socket.socket], Awaitable[None]], end: Callable[[], None],
        progressed: Callable[[], None],
    ) -> None:  # fmt: skip
        """Look for ever. Make a deleted socket anew and `listen` on it; call `end` when all is lost."""
        while True:
            await asyncio.sleep(self._every_s)
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
