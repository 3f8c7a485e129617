"""Run a throw-away root with a daemon of its own, for commands that show or check something. Nothing of it stays."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from iapeer.client.call import call, url
from iapeer.model.errors import PeerError
from iapeer.paths.layout import bundled

PATIENCE_S = 30.0
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Sandbox:
    """One root below `base`. Commands of this process go to its daemon until it is cleared away."""

    base: Path

    @property
    def root(self) -> Path:
        return self.base / "root"

    @property
    def sockets(self) -> list[Path]:
        """List every socket file of this root."""
        return sorted((self.root / "state" / "socks").glob("*"))

    def left(self) -> list[psutil.Process]:
        """List the processes that belong to this root, by their environment or by the folder they stand in."""
        return [process for process in psutil.process_iter() if process.pid != os.getpid() and self._ours(process)]

    def _ours(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("IAPEER_ROOT") == str(self.root):
                return True
        with contextlib.suppress(psutil.Error, OSError):
            return Path(process.cwd()).is_relative_to(self.base)
        return False

    def end(self) -> None:
        """Stop every peer, then the daemon, and kill what is still there."""
        with contextlib.suppress(PeerError):
            for peer in call("GET", "/peers", start=False)["peers"]:
                with contextlib.suppress(PeerError):
                    call("POST", url("peers", peer["personality"], "stop"), {}, start=False)
        with contextlib.suppress(PeerError):
            call("POST", "/daemon/stop", start=False)
            until(lambda: not self.left(), PATIENCE_S)
        until(self._killed, PATIENCE_S)

    def _killed(self) -> bool:
        left = self.left()
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        return not left


@contextlib.contextmanager
def sandbox(environment: Callable[[Path], dict[str, str]], keep: bool = False) -> Iterator[Sandbox]:
    """Make a sandbox and clear it away afterwards, also after Ctrl-C or SIGTERM.

    `environment(base)` is the whole environment of the commands and the daemon in it. `keep` leaves its files.
    """
    made = Sandbox(Path(tempfile.mkdtemp(prefix="iapeer-")).resolve())
    before = dict(os.environ)
    try:
        with _ends_properly():
            _become({**environment(made.base), "IAPEER_ROOT": str(made.root)})
            yield made
    finally:
        with _in_peace():
            if os.environ.get("IAPEER_ROOT") == str(made.root):  # else we would speak to the user's own daemon
                made.end()
            _become(before)
            if not keep:
                shutil.rmtree(made.base, ignore_errors=True)


def fake_program(base: Path) -> Path:
    """Write the bundled fake agent as one executable, run by this very interpreter; its path."""
    path = base / "iapeer-fake-agent"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{bundled("fixtures") / "fake_agent.py"}" "$@"\n')
    path.chmod(0o755)
    return path


def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until `holds`, at most so many seconds; whether it does in the end."""
    deadline = time.monotonic() + seconds
    while not (reached := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return reached


def _become(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _give_up(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _ends_properly() -> Iterator[None]:
    """Take whatever asks us to end as Ctrl-C."""
    with _handling(_give_up):
        yield


@contextlib.contextmanager
def _in_peace() -> Iterator[None]:
    """Let nothing interrupt the clearing away: it takes a bounded time."""
    with _handling(signal.SIG_IGN):
        yield


@contextlib.contextmanager
def _handling(handler: Callable[[int, object], None] | signal.Handlers) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _ENDING}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
