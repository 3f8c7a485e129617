"""Waiting for the disk once for many commits, while the daemon goes on with something else."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from iapeer.model.errors import Failed

_sync = getattr(os, "fdatasync", os.fsync)  # macOS knows the other one only


class WriteAhead:
    """SQLite's write-ahead log, in which every commit stands behind those before it: how much of it is on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb")  # SQLite takes no locks on it that closing it could drop
        self._thread = ThreadPoolExecutor(1, "iapeer-sync")
        self._syncing: asyncio.Future[int] | None = None
        self._written = self._safe = 0  # commits

    def committed(self, *, synced: bool) -> None:
        """One more commit was written. `synced`: SQLite has waited for the disk, and so for all before it."""
        self._written += 1
        if synced:
            self._safe = self._written

    async def durable(self) -> None:
        """Return when every commit so far is on disk; those who wait meanwhile share the next wait. Or raise Failed."""
        wanted = self._written
        while self._safe < wanted:
            if self._syncing is None or self._syncing.done():
                loop = asyncio.get_running_loop()
                self._syncing = loop.run_in_executor(self._thread, self._work, self._written)
            try:
                self._safe = max(self._safe, await asyncio.shield(self._syncing))
            except OSError as error:
                said = f"{self.path} cannot be written ({error.strerror}): check the disk."
                raise Failed(said, code="store") from error

    def close(self) -> None:
        """Let go of the file, after a wait that is under way."""
        self._thread.shutdown()
        self._file.close()

    def _work(self, written: int) -> int:
        _sync(self._file.fileno())
        return written
