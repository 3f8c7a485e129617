"""Show on stderr what a command that takes its time is waiting for, to a person at a terminal."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from iapeer.model.errors import PeerError, Refused
from iapeer.wording.text import visible

if TYPE_CHECKING:
    import socket

AFTER_S = 1.0  # nothing is shown before
STEP_S = 0.25


@contextlib.contextmanager
def progress(peer: str) -> Iterator[None]:
    """Show the peer's phases while the block runs, once it takes over a second."""
    if not sys.stderr.isatty():
        yield
        return
    watch = _Watch(peer)
    watch.begin()
    try:
        yield
    finally:
        watch.end()


class _Watch:
    """One thread reads events, one draws: a line that is drawn again when it changes."""

    def __init__(self, peer: str) -> None:
        self._peer = peer
        self._phase = "waiting"
        self._over = threading.Event()
        self._began = time.monotonic()
        self._since_ms = int(time.time() * 1000)  # the stream begins with what was long ago
        self._connection: socket.socket | None = None
        self._drawn = 0
        self._threads = [threading.Thread(target=act, daemon=True) for act in (self._listen, self._draw)]

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._over.set()
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(2)  # both ways
        for thread in self._threads:
            thread.join(1.0)
        if self._drawn:
            self._write("")
            print("\r", end="", file=sys.stderr, flush=True)

    def _listen(self) -> None:
        """Read events; until there is a daemon, or after it died, look again. A session may not read them."""
        while not self._over.is_set():
            try:
                self._read()
            except Refused:
                return
            except (PeerError, OSError):
                pass
            self._over.wait(STEP_S)

    def _read(self) -> None:
        from iapeer.client.stream import events, open_stream
        from iapeer.wording.events import phase

        with open_stream({"peer": self._peer}, start=False) as self._connection:
            for event in events(self._connection):
                if event["ts"] >= self._since_ms:
                    self._phase = phase(event)

    def _draw(self) -> None:
        while not self._over.wait(STEP_S):
            elapsed = time.monotonic() - self._began
            if elapsed >= AFTER_S:
                self._write(f"{visible(self._peer)}: {self._phase} ({elapsed:.0f} s)")

    def _write(self, line: str) -> None:
        """Draw over the line before: with blanks, so that any terminal will do."""
        print("\r" + line.ljust(self._drawn), end="", file=sys.stderr, flush=True)
        self._drawn = len(line)
