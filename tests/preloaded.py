"""Daemons that start in a few milliseconds: forked from a process that has imported the whole program before.

A daemon's imports cost more of the processor than most tests. Here they are paid once: `spawn` asks a process beside
the tests, single-threaded and without a loop, to fork and to run `iapeer.__main__.main` with the given arguments and
environment. Only what a process shows of its own start differs: its command line and the environment in /proc.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any

_LONGEST = 1 << 16  # bytes of a request


class Preloaded:
    """A process that was forked so: what tests use of `subprocess.Popen`."""

    def __init__(self, pid: int, ended: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended  # a descriptor on which its status comes once it has ended

    def __del__(self) -> None:
        os.close(self._ended)

    def poll(self) -> int | None:
        """As Popen's."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """As Popen's."""
        if self.returncode is None:
            if not select.select([self._ended], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("daemon", timeout or 0)
            self.returncode = os.waitstatus_to_exitcode(int(os.read(self._ended, 16) or b"9"))
        return self.returncode

    def send_signal(self, number: int) -> None:
        """As Popen's."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """As Popen's."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """As Popen's."""
        self.send_signal(signal.SIGTERM)


def spawn(args: Sequence[str], env: Mapping[str, str], out: IO[bytes]) -> Preloaded:
    """Run `iapeer ARGS` in `/` with this environment; what it prints goes to `out`, and it reads nothing."""
    link = _parent()
    ended, tell = os.pipe()
    request = json.dumps([list(args), dict(env)]).encode(errors="surrogateescape")
    assert len(request) < _LONGEST
    try:
        socket.send_fds(link, [request], [out.fileno(), tell])
    finally:
        os.close(tell)
    return Preloaded(int(link.recv(16)), ended)


@functools.cache
def _parent() -> socket.socket:
    """The connection to the process that forks; it ends with us."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.preloaded", str(theirs.fileno())], pass_fds=[theirs.fileno()],
            env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    atexit.register(_end, process, ours)
    return ours


def _end(process: subprocess.Popen[bytes], link: socket.socket) -> None:
    link.close()
    process.wait()


# ---- the process that forks


def serve(link: socket.socket) -> None:
    """Fork for every request, and tell how each child ended, until nobody asks any more."""
    import iapeer.api.mcp
    import iapeer.cli.app
    import iapeer.cli.commands.daemon
    import iapeer.server.run  # noqa: F401

    gc.freeze()
    wake, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    children: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([link.fileno(), wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            _reap(children)
        if link.fileno() in ready and not _fork(link, children):
            return


def _reap(children: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            tell = children.pop(ended[0])
            with contextlib.suppress(BrokenPipeError):
                os.write(tell, str(ended[1]).encode())
            os.close(tell)


def _fork(link: socket.socket, children: dict[int, int]) -> bool:
    """Fork for one request; False when nobody asks any more."""
    request, descriptors, _, _ = socket.recv_fds(link, _LONGEST, 2)
    if not request:
        return False
    out, tell = descriptors
    pid = os.fork()
    if pid == 0:
        for descriptor in (tell, link.fileno(), *children.values()):
            os.close(descriptor)
        os._exit(_become(request, out))
    children[pid] = tell
    os.close(out)
    link.send(str(pid).encode())
    return True


def _become(request: bytes, out: int) -> int:
    """Be a new process as far as the program sees: its arguments, environment, streams, signals."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    args, environment = json.loads(request.decode(errors="surrogateescape"))
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)
    os.chdir("/")
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    random.seed()
    sys.argv = ["iapeer", *args]
    from iapeer.__main__ import main

    try:
        code: Any = main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    return int(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
