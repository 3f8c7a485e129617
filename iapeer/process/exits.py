"""Hearing of a process' end: by pidfd on Linux, by kqueue elsewhere."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from collections.abc import Callable


class ExitWatch:
    """Calls `ended` once when the process ends; at once when it is gone."""

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


async def ended_within(pid: int, seconds: float) -> bool:
    """True as soon as the process with this number has ended, False after `seconds`."""
    ended = asyncio.Event()
    watch = ExitWatch(pid, ended.set)
    try:
        await asyncio.wait_for(ended.wait(), seconds)
    except TimeoutError:
        return False
    finally:
        watch.close()
    return True


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
