"""The floor under everything that talks to tmux: a control client by hand, blocking, with nothing around it."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from iapeer.tmux.launch import client_env

SECONDS = 20.0  # after which something is broken
DONE = b"FLOOR-DONE"


class RawClient:
    """One `tmux -C` process: lines in, bytes out."""

    def __init__(self, socket: Path, *command: str) -> None:
        argv = ["tmux", "-u", "-C", "-S", str(socket), "-f", os.devnull, *command]
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=client_env(os.environ), cwd="/"
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.into, self.out = self.process.stdin.fileno(), self.process.stdout.fileno()

    def command(self, line: bytes, until: bytes = b"%end ") -> bytes:
        """Write one line; what came back, up to the end of the block in which `until` stands."""
        os.write(self.into, line + b"\n")
        return self.read_until(until)

    def read_until(self, *marks: bytes) -> bytes:
        """What comes, until a line end and all of the marks have."""
        data = b""
        while not (data.endswith(b"\n") and all(mark in data for mark in marks)):
            data += self.read()
        return data

    def read(self) -> bytes:
        """What comes next."""
        ready, _, _ = select.select([self.out], [], [], SECONDS)
        if not ready:
            raise TimeoutError("the floor's tmux says nothing")
        data = os.read(self.out, 1 << 18)
        if not data:
            raise EOFError("the floor's tmux has ended")
        return data

    def drain(self) -> None:
        """Drop what has come."""
        while select.select([self.out], [], [], 0)[0]:
            self.read()

    def close(self) -> None:
        """Hang up."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.kill()
        self.process.wait()


def attach(socket: Path, *, output: bool = False) -> RawClient:
    """A client on a running server, past its greeting."""
    flags = "ignore-size" if output else "ignore-size,no-output"
    client = RawClient(socket, "attach-session", "-t", "main", "-f", flags)
    client.read_until(b"%end ", b"%session-changed")
    return client


def paste(client: RawClient, spool: Path, body: bytes) -> None:
    """Type `body` by the one guarded line that ours uses too."""
    descriptor = os.open(spool, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(descriptor, body)
    os.ftruncate(descriptor, len(body))  # never O_TRUNC: ext4 writes such a file out when it is closed
    os.close(descriptor)
    client.command(paste_line(spool), DONE)


def paste_line(spool: Path) -> bytes:
    """Load, guard, paste, mark, and say that it is done."""
    return (
        b'load-buffer -b f "%s" ; if-shell -F -t %%0 "#{||:#{pane_dead},#{pane_in_mode}}" "delete-buffer -b f" '
        b'"paste-buffer -p -r -d -b f -t %%0 ; set -g @floor x ; display-message -p %s"'
    ) % (os.fsencode(spool), DONE)


def tmux(socket: Path, *command: str) -> str:
    """One command by a process of its own."""
    argv = ["tmux", "-u", "-S", str(socket), "-f", os.devnull, *command]
    return subprocess.run(argv, capture_output=True, text=True, check=True, env=client_env(os.environ)).stdout


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A short folder that is gone afterwards, with every tmux server whose socket is in it."""
    folder = Path(tempfile.mkdtemp(prefix="iab-", dir="/tmp"))
    try:
        yield folder
    finally:
        for socket in folder.glob("*.sock"):
            kill_server(socket)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def server(socket: Path, program: Sequence[str]) -> Iterator[Path]:
    """A server with `program` in its one pane."""
    tmux(socket, "new-session", "-d", "-s", "main", "-x", "200", "-y", "50", *program)
    try:
        yield socket
    finally:
        kill_server(socket)


def kill_server(socket: Path) -> None:
    """End a server, if there is one, and its socket file."""
    with contextlib.suppress(subprocess.CalledProcessError):
        tmux(socket, "kill-server")
    socket.unlink(missing_ok=True)
