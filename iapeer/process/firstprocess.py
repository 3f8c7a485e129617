"""Being the first process of a container: who inherits every orphan, and has to take their ends.

The daemon is then a child of a process that does nothing else, so no end that it waits for itself is taken from it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable

_HANDED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_PR_GET_CHILD_SUBREAPER = 37


def inherits_orphans() -> bool:
    """Whether the kernel gives us the processes whose parents have ended."""
    return os.getpid() == 1 or _is_subreaper()


def _is_subreaper() -> bool:
    if sys.platform != "linux":
        return False
    import ctypes  # late: only the daemon asks

    answer = ctypes.c_int(0)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(answer), 0, 0, 0)
    return answer.value == 1


def run_beside(work: Callable[[], int]) -> int:
    """Do `work` in a child; meanwhile hand our signals to it, and take the ends of all others. The child's exit code.

    Called before there are threads or sockets: the process is forked.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDED_ON)  # none is lost before they can be handed on
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return work()
    for number in _HANDED_ON:
        signal.signal(number, lambda got, _frame: _hand_on(child, got))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return _until_ended(child)


def _hand_on(child: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)


def _until_ended(child: int) -> int:
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
