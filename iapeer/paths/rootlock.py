"""The lock that makes the daemon of a root single. The process id of its holder stands in the file."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from iapeer.model.disk import using
from iapeer.model.errors import Refused

TRY_S = 0.5  # a command that looks who holds the lock has it for a moment
_STEP_S = 0.02


class RootLock:
    """The lock on `path`, as the daemon holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the lock. Refused when another daemon has it, Failed when the file cannot be used."""
        deadline = time.monotonic() + TRY_S
        while not self._acquired():
            if time.monotonic() > deadline:
                raise Refused(
                    f"A daemon{named(holder(str(self._path)))} serves {self._path.parent} already: "
                    "`iapeer status` shows it.", code="second-daemon",
                )  # fmt: skip
            time.sleep(_STEP_S)

    def keep(self) -> bool:
        """Whether the lock is still ours. A file that was deleted or exchanged is taken again, if nobody has it."""
        if is_at(self._descriptor, self._path):
            return True
        before = self._descriptor
        with contextlib.suppress(OSError):  # there is no folder
            if self._take(os.O_CREAT):
                os.close(before)
                return True
        return False

    def release(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)

    def _acquired(self) -> bool:
        with using(self._path):
            return self._take(os.O_CREAT)

    def _take(self, flags: int) -> bool:
        descriptor = os.open(self._path, os.O_RDWR | flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        if not is_at(descriptor, self._path):  # deleted between
            os.close(descriptor)
            return False
        with contextlib.suppress(OSError):  # a full disk: what comes next says so
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return True


def is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one that stands at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        return False


def holder(path: str) -> int | None:
    """The process that holds the lock, 0 where the file does not name it; None: nobody whom we can see."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 32).strip()
        return int(text) if text.isdigit() else 0
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None


def named(pid: int | None) -> str:
    """`pid` as an addition to a sentence about the daemon."""
    return f" (pid {pid})" if pid else ""
