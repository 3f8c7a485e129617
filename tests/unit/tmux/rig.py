"""A server of the test's own, programs to run in its pane, and people to look at it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import shutil
import struct
import sys
import tempfile
import termios
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType

from iapeer.tmux import Pane, Tmux, attach_argv, end_server

# Turns bracketed paste on, says so, and copies every byte that it gets to a file.
RECEIVER = """
import os, sys, tty
tty.setraw(0)
out = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
os.write(1, b"\\x1b[?2004h ready")
while data := os.read(0, 65536):
    os.write(out, data)
"""
DUMP = "import os, sys; open(sys.argv[1], 'wb').write(b'\\0'.join(map(os.fsencode, sys.argv[2:])))"


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Return when the condition holds; AssertionError after the deadline."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what it looks at raises no event
            await asyncio.sleep(0.002)


async def until_asked(condition: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """`until` for a condition that has to be asked for."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.002)


class Rig:
    """A short private folder with a socket, a spool and a pane log."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(dir="/tmp"))
        self.socket, self.spool, self.log = self.root / "s", self.root / "spool", self.root / "pane.log"
        self.received = self.root / "received"
        self.spool.mkdir(mode=0o700)
        self.gone = 0
        self.moved = 0
        self.printed = asyncio.Event()
        self.clients: list[Tmux] = []

    async def __aenter__(self) -> Rig:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for tmux in self.clients:
            await tmux.close()
        await end_server(self.socket, None)
        shutil.rmtree(self.root)

    def tmux(self) -> Tmux:
        tmux = Tmux(
            self.socket, self.spool, on_output=self.printed.set, on_people=self._on_people, on_gone=self._on_gone
        )
        self.clients.append(tmux)
        return tmux

    def _on_people(self) -> None:
        self.moved += 1

    def _on_gone(self) -> None:
        self.gone += 1

    async def launch(self, *argv: str, tmux: Tmux | None = None, cwd: Path = Path("/")) -> tuple[Tmux, Pane]:
        tmux = tmux or self.tmux()
        return tmux, await tmux.launch(argv, os.environ, cwd, self.log, title="tester")

    async def receiver(self) -> tuple[Tmux, Pane]:
        """A raw-mode program that asked for bracketed paste."""
        tmux, pane = await self.launch(sys.executable, "-c", RECEIVER, str(self.received))

        async def ready() -> bool:
            return "ready" in (await tmux.last_look())[1]

        await until_asked(ready)
        return tmux, pane

    def got(self) -> bytes:
        return self.received.read_bytes() if self.received.exists() else b""

    async def dumped(self, arguments: Sequence[str], cwd: Path = Path("/")) -> list[bytes]:
        """The arguments as a program in the pane sees them."""
        tmux, _ = await self.launch(sys.executable, "-c", DUMP, str(self.received), *arguments, cwd=cwd)

        async def ended() -> bool:
            return (await tmux.facts()).dead

        await until_asked(ended)
        return self.got().split(b"\0")


class Person:
    """Somebody who attaches from a terminal of their own."""

    def __init__(self, rig: Rig, columns: int = 90, rows: int = 30) -> None:
        argv = attach_argv(rig.socket)
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
            os.execvpe(argv[0], argv, {**os.environ, "TERM": "xterm-256color"})
        self.seen = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self.terminal, 65536):
                self.seen += data
        except OSError:
            pass  # Linux reports the other end's close as EIO

    def type(self, data: bytes) -> None:
        os.write(self.terminal, data)

    async def left(self) -> None:
        """Wait for the client to end."""
        await until(lambda: os.waitpid(self.pid, os.WNOHANG) != (0, 0))
        self._reader.join()
        os.close(self.terminal)
