"""Processes: are they alive, are they the same ones, when do they end, and what did they leave behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from iapeer.process.gone import gone

SESSION_VARIABLE = "IAPEER_SESSION"
SESSION_VARIABLES = (SESSION_VARIABLE, "IAPEER_TOKEN", "PEER_IDENTITY")  # each says that a process is an agent's


def start_mark(pid: int) -> float | None:
    """What tells this process from a later one with the same number. None when it is gone.

    On Linux clock ticks since boot (field 22 of /proc/PID/stat), elsewhere seconds since 1970.
    """
    try:
        if sys.platform == "linux":
            return float(_stat(pid)[19])
        else:  # noqa: RET505 - mypy tells the platforms apart by it
            return float(psutil.Process(pid).create_time())
    except (OSError, IndexError, psutil.NoSuchProcess):
        return None


def age(pid: int) -> float | None:
    """How long the process has been running, in seconds, whatever the clock on the wall does. None when it is gone.

    Where there is no /proc it is told by the wall clock after all.
    """
    mark = start_mark(pid)
    if mark is None:
        return None
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME) - mark / os.sysconf("SC_CLK_TCK")
    else:  # noqa: RET505 - mypy tells the platforms apart by it
        return time.time() - mark


def alive(pid: int | None, mark: float | None) -> bool:
    """Whether the process with this number *and* start is running; a zombie is not."""
    if pid is None or mark is None:
        return False
    if sys.platform == "linux":
        try:
            fields = _stat(pid)
            return float(fields[19]) == mark and fields[0] not in (b"Z", b"X")
        except (OSError, IndexError):
            return False
    else:
        return start_mark(pid) == mark and not gone(pid)


def boot_id() -> str:
    """A word that changes with every boot of the machine."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return str(int(psutil.boot_time()))


def ancestors(pid: int) -> list[int]:
    """The process' parents, nearest first, itself included."""
    found = []
    while pid > 0 and pid not in found:
        found.append(pid)
        pid = _parent(pid)
    return found


def _parent(pid: int) -> int:
    """0 when there is none, or it cannot be told."""
    try:
        if sys.platform == "linux":
            return int(_stat(pid)[1])
        else:  # noqa: RET505 - mypy tells the platforms apart by it
            return psutil.Process(pid).ppid()
    except (OSError, psutil.NoSuchProcess):
        return 0


class ExitWatch:
    """Calls `ended` once when the process ends: by pidfd on Linux, kqueue elsewhere."""

    def __init__(self, pid: int, ended: Callable[[], None]) -> None:
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._fd = _exit_fd(pid)
        if self._fd is None:
            self._loop.call_soon(ended)
        else:
            self._loop.add_reader(self._fd, self._fired)

    def close(self) -> None:
        """Stop watching."""
        if self._fd is not None:
            self._loop.remove_reader(self._fd)
            _close_exit_fd(self._fd)
            self._fd = None

    def _fired(self) -> None:
        self.close()
        self._ended()


async def wait_gone(pid: int, mark: float | None, seconds: float) -> bool:
    """Wait until the process is gone; False when it still lives after `seconds`."""
    if not alive(pid, mark):
        return True
    gone = asyncio.Event()
    watch = ExitWatch(pid, gone.set)
    try:
        await asyncio.wait_for(gone.wait(), seconds)
    except TimeoutError:
        return not alive(pid, mark)
    finally:
        watch.close()
    return True


async def end_process(pid: int, mark: float | None, first: signal.Signals, grace: float) -> bool:
    """Ask the process to end, wait `grace` seconds, then kill it. Another process with the number is left alone.

    False when it lives on: it belongs to another user, or not even SIGKILL ends it.
    """
    for number, seconds in ((first, grace), (signal.SIGKILL, 5.0)):
        if not alive(pid, mark):
            return True
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        if await wait_gone(pid, mark, seconds):
            return True
    return False


def family(pid: int | None) -> list[tuple[int, float]]:
    """The descendants of a process, with their start marks."""
    if pid is None:
        return []
    try:
        found = [(child.pid, start_mark(child.pid)) for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
    return [(child, mark) for child, mark in found if mark is not None]


def children(pid: int) -> list[int]:
    """The processes that this one started and that live."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # many times as fast as psutil, which reads of every process there is
            lists = [(task / "children").read_bytes() for task in Path(f"/proc/{pid}/task").iterdir()]
            return [int(child) for line in lists for child in line.split()]
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


@dataclass(frozen=True, slots=True)
class Job:
    """A process's place at a terminal: its terminal, its process group, and the group that reads the terminal now."""

    tty: int
    group: int
    foreground: int


def job(pid: int) -> Job | None:
    """Where this process stands at its terminal; None when that cannot be told."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, IndexError):
            _, _, group, _, tty, foreground, *_ = _stat(pid)
            return Job(int(tty), int(group), int(foreground))
    return None


def shown_name(pid: int) -> str:
    """The name of a process as tmux shows it on Linux: of its first argument; nothing for one that is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:  # noqa: PTH123 - asked at every look
            first = file.read(4096).partition(b"\0")[0].decode(errors="replace")
    except OSError:
        return ""
    return first.lstrip(" -").partition(" ")[0].rpartition("/")[2]


def marked(session: str) -> list[tuple[int, float]]:
    """The processes whose environment carries this session's id, this one left out."""
    found = [(pid, start_mark(pid)) for pid in psutil.pids() if pid != os.getpid() and _carries(pid, session)]
    return [(pid, mark) for pid, mark in found if mark is not None]


def _carries(pid: int, session: str) -> bool:
    try:
        if sys.platform == "linux":  # five times as fast as psutil: asked of every process there is
            with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:  # noqa: PTH123
                return f"\0{SESSION_VARIABLE}={session}\0".encode() in b"\0" + file.read() + b"\0"
        else:
            return psutil.Process(pid).environ().get(SESSION_VARIABLE) == session
    except (OSError, psutil.Error):
        return False


def open_files(pid: int) -> list[str]:
    """The paths of the files that a process holds open; none where that cannot be told."""
    try:
        if sys.platform == "linux":
            targets = [_target(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
            return [path for path in targets if path.startswith("/")]
        else:  # noqa: RET505 - mypy tells the platforms apart by it
            return [file.path for file in psutil.Process(pid).open_files()]
    except (OSError, psutil.Error):
        return []


def _target(link: Path) -> str:
    """Where a link leads; nothing for one that is gone."""
    try:
        return os.readlink(link)  # noqa: PTH115 - some are no paths
    except OSError:
        return ""


async def kill_all(processes: Iterable[tuple[int, float]]) -> None:
    """Kill these processes, those that are still the same ones, and wait for each."""
    for pid, mark in processes:
        await end_process(pid, mark, signal.SIGKILL, 5.0)


async def left_of(processes: Iterable[tuple[int, float | None]], seconds: float) -> list[int]:
    """Those of these processes that live on. So long is waited for each: its terminal's hangup may still end it."""
    return [pid for pid, mark in processes if not await wait_gone(pid, mark, seconds)]


def _stat(pid: int) -> list[bytes]:
    """The first 20 fields of /proc/PID/stat after the command, state first, and the rest."""
    descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)  # three times as fast as a Path: asked on every request
    try:
        return os.read(descriptor, 1024).rpartition(b") ")[2].split(None, 20)
    finally:
        os.close(descriptor)


if sys.platform == "linux":

    def _exit_fd(pid: int) -> int | None:
        try:
            return os.pidfd_open(pid)
        except ProcessLookupError:
            return None

    _close_exit_fd = os.close

else:
    _QUEUES: dict[int, select.kqueue] = {}  # closing the object would end the watch

    def _exit_fd(pid: int) -> int | None:
        queue = select.kqueue()
        flags = select.KQ_EV_ADD | select.KQ_EV_ONESHOT
        try:
            queue.control([select.kevent(pid, select.KQ_FILTER_PROC, flags, select.KQ_NOTE_EXIT)], 0)
        except ProcessLookupError:
            return None
        fd = os.dup(queue.fileno())
        _QUEUES[fd] = queue
        return fd

    def _close_exit_fd(fd: int) -> None:
        os.close(fd)
        _QUEUES.pop(fd).close()
