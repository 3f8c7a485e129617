"""Start a daemon, or wait for the one that has the lock and does not listen yet.

Many commands may try at once: one of them launches, the others wait for its daemon. The daemon's lock makes it single.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from iapeer.client.call import NotRunning, open_socket
from iapeer.client.call import socket_file as find_socket
from iapeer.model.disk import unusable, using
from iapeer.model.errors import Failed, Unreachable
from iapeer.paths.layout import Layout, layout
from iapeer.paths.rootlock import holder, named

if TYPE_CHECKING:
    import socket

    from filelock import BaseFileLock

START_S = 20.0
DEAF_S = 5.0  # for a daemon that lives to listen: it starts, ends, or makes its socket anew
TURN_S = 5.0  # for the command that launches: it may be stopped by its terminal
_NO_FAULT = (0, 3)  # it was told to end at once, or another one has the lock
_STEP_S = 0.02
_ROOM = 1 << 16  # bytes that a daemon needs at least


def start_daemon(socket_file: str) -> socket.socket:
    """Start our root's daemon and connect to it. Unreachable, with its last words, when it fails."""
    where = layout()
    if lock_file(socket_file) is None:
        raise Unreachable(
            f"The daemon of this session does not listen on {socket_file}: start it outside, in its own root.",
            code="not-running",
        )
    with _writing(where.state):
        where.make()
    from iapeer.server.operatorenv import environment_to_start_with  # late: rarely needed

    env = environment_to_start_with(os.environ, where)
    with _turn(where) as turn:
        return _started(socket_file, where, turn, env)


def await_daemon(socket_file: str) -> socket.socket:
    """Connect to a daemon that lives and does not listen just now; NotRunning when there is none."""
    lock, deadline = lock_file(socket_file), time.monotonic() + DEAF_S
    while lock is not None and (pid := holder(lock)) is not None:
        time.sleep(_STEP_S)
        with contextlib.suppress(NotRunning):
            return open_socket(socket_file)
        if time.monotonic() > deadline:
            raise _deaf(pid, socket_file)
    return open_socket(socket_file)


def lock_file(socket_file: str) -> str | None:
    """Return the lock of the daemon that listens there; None when that is not our root's."""
    where = layout()
    return str(where.lock) if socket_file == str(where.daemon_socket()) else None


def whose() -> str:
    """Name the daemon's process id as an addition to a sentence; nothing where its lock does not tell."""
    lock = lock_file(find_socket())
    return named(holder(lock)) if lock is not None else ""


def _started(socket_file: str, where: Layout, turn: _Turn, env: Mapping[str, str]) -> socket.socket:
    """Launch when it is our turn and nobody has the lock, again where nobody is at fault, until one listens."""
    out = where.own_output
    daemon, before, deadline = None, 0, time.monotonic() + START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(NotRunning):
            return open_socket(socket_file)
        code = daemon.poll() if daemon is not None else 0
        if code in _NO_FAULT and turn.come() and holder(str(where.lock)) is None:
            before = out.stat().st_size if out.exists() else 0
            daemon = _launch(out, env)
        elif code is not None and code not in _NO_FAULT:
            raise Unreachable(f"The daemon could not be started: {_last_words(out, before)}", code="daemon-start")
        time.sleep(_STEP_S)
    pid = holder(str(where.lock))
    if pid is not None:
        raise _deaf(pid, socket_file)
    raise Unreachable(f"The daemon does not listen after {START_S:.0f} s: see {out}.", code="daemon-start")


def _deaf(pid: int, socket_file: str) -> Unreachable:
    way = f"`kill {pid}`" if pid else "end it"
    return Unreachable(
        f"The daemon{named(pid)} lives and does not listen on {socket_file}: {way}, and the next command starts "
        "another; sessions live on.", code="no-socket",
    )  # fmt: skip


class _Turn:
    """The right to launch: a lock of the commands among themselves."""

    def __init__(self, lock: BaseFileLock) -> None:
        self._lock = lock
        self._late = time.monotonic() + TURN_S

    def come(self) -> bool:
        """Whether the turn is ours; taken when nobody has it."""
        from filelock import Timeout

        if not self._lock.is_locked:
            with _writing(Path(self._lock.lock_file)), contextlib.suppress(Timeout):
                self._lock.acquire(timeout=0)
        return self._lock.is_locked or time.monotonic() > self._late


@contextlib.contextmanager
def _turn(where: Layout) -> Iterator[_Turn]:
    from filelock import FileLock  # late: only who starts a daemon pays for it

    lock = FileLock(where.state / "start.lock", mode=0o600)
    try:
        yield _Turn(lock)
    finally:
        lock.release()


def _launch(out: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with _writing(out):
        log = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "iapeer", "daemon", "run"],
            env=env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    except OSError as error:
        raise Unreachable(
            f"The daemon cannot be started: {sys.executable} cannot be run ({error.strerror})."
        ) from error
    finally:
        os.close(log)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raise Unreachable, in one sentence, for what the file system refuses."""
    try:
        with using(path):
            yield
    except Failed as error:
        raise Unreachable(str(error), code=error.code) from error


def _last_words(out: Path, before: int) -> str:
    """Read the last line written since `before` (a size in bytes), without our own prefix; or say why there is none."""
    lines: list[str] = []
    with contextlib.suppress(OSError), out.open("rb") as log:  # it may be gone, with its folder
        log.seek(before)
        lines = log.read()[-65536:].decode("utf-8", "replace").split("\n")[:-1]  # a full disk breaks a line off
    last_line = next((line.strip() for line in reversed(lines) if line.strip()), None)
    return last_line.removeprefix("iapeer: ") if last_line is not None else _silence(out)


def _silence(out: Path) -> str:
    """Say why a daemon has said nothing: try to write what it would have written."""
    try:
        with tempfile.TemporaryFile(dir=out.parent) as file:
            file.write(bytes(_ROOM))
    except OSError as error:
        return str(unusable(out.parent, error))
    return f"it said nothing, see {out}."
