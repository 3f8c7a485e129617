"""A scripted daemon that answers from a table, and a runner of the command line against it."""

from __future__ import annotations

import json
import os
import pty
import select
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iapeer import __version__

REPO = Path(__file__).resolve().parents[3]
DEADLINE = 30.0


@dataclass
class Asked:
    """One request as the daemon saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Table:
    """What is answered: (status, object) by `METHOD /path` below the base; bytes are sent as they are."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    version: str = __version__

    def lines(self) -> list[str]:
        return [asked.line for asked in self.asked]


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        method, target, _ = self.rfile.readline().decode().split(" ", 2)
        headers: dict[str, str] = {}
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", "0")))
        table: Table = self.server.table  # type: ignore[attr-defined]
        asked = Asked(method, target.removeprefix("/fleet/v1"), headers, json.loads(body) if body else None)
        table.asked.append(asked)
        self.wfile.write(self._answer(table, asked))

    @staticmethod
    def _answer(table: Table, asked: Asked) -> bytes:
        answer = table.answers.get(asked.line, table.answers.get(asked.line.partition("?")[0]))
        if callable(answer):
            answer = answer(asked)
        if isinstance(answer, bytes):
            return answer
        status, found = answer if answer is not None else (400, error("no-route", f"no {asked.line}", 2))
        data = json.dumps(found).encode()
        return (
            b"HTTP/1.1 %d X\r\niapeer-version: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % (status, table.version.encode(), len(data))
            + data
        )


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 100
    table: Table


class Daemon:
    """The fake, listening where the root's daemon would."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.table = Table()
        self._server = _Server(str(path), _Handler)
        self._server.table = self.table

    def begin(self) -> Daemon:
        """Answer from now on; who connected before waits."""
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def on(self, line: str, answer: Any, status: int = 200) -> None:
        """Answer `METHOD /path` so. A function gets the request; bytes are a whole HTTP answer."""
        self.table.answers[line] = answer if callable(answer) or isinstance(answer, bytes) else (status, answer)

    def refuse(self, line: str, code: str, message: str, exit_code: int, status: int = 409) -> None:
        self.on(line, error(code, message, exit_code), status)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def error(code: str, message: str, exit_code: int) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "exit": exit_code}}


def chunked(*parts: bytes) -> bytes:
    """A streamed answer as uvicorn sends it."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@dataclass
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cli:
    """Runs `iapeer ...` in processes of its own, in a root of the test."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.socket = base / "state" / "socks" / "daemon.sock"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(base),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONPATH": str(REPO),
            "PYTHONWARNINGS": "error",
            "IAPEER_ROOT": str(base),
            "IAPEER_TEST_SANDBOX": "1",
        }

    def run(
        self,
        *args: str,
        stdin: str | None = None,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        python: Sequence[str] = ("-m", "iapeer"),
    ) -> Done:
        with subprocess.Popen(
            [sys.executable, *python, *args],
            env={**self.env, **(env or {})},
            cwd=cwd or self.base,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            out, err = process.communicate(None if stdin is None else stdin.encode(), timeout=DEADLINE)
        return Done(process.returncode, out.decode(), err.decode())

    def terminal(self, *args: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> tuple[int, str]:
        """The same on a pseudo-terminal: (exit code, everything that was shown)."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "iapeer", *args],
            env={**self.env, "TERM": "xterm", "COLUMNS": "150", **(env or {})},
            cwd=cwd or self.base,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        with process:
            shown = _read_all(ours)
        os.close(ours)
        return process.returncode, shown.decode().replace("\r\n", "\n")


def _read_all(terminal: int) -> bytes:
    shown, deadline = b"", time.monotonic() + DEADLINE
    while select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            return shown
        if not data:
            return shown
        shown += data
    raise AssertionError(f"the command did not end; shown so far: {shown!r}")


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
