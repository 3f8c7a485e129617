"""The least client of an HTTP server on a unix socket, or on a loopback port: one kept connection, whole answers."""

from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any

SECONDS = 120.0


class Web:
    """A connection that is kept; by TLS where a server is to be trusted."""

    def __init__(self, at: Path | int, trust: ssl.SSLContext | None = None) -> None:
        unix = isinstance(at, Path)
        self._socket = socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_STREAM)
        self._socket.settimeout(SECONDS)
        self._socket.connect(str(at) if unix else ("127.0.0.1", at))
        if trust is not None:
            self._socket = trust.wrap_socket(self._socket, server_hostname="localhost")

    def __enter__(self) -> Web:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self, request: bytes) -> bytes:
        """The body of the answer to these bytes."""
        self._socket.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(None, 1)[0])
        while len(body) < length:
            body += self._more()
        if not head.startswith(b"HTTP/1.1 200"):
            raise AssertionError(f"{head[:40]!r}: {body[:300]!r}")
        return body

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a POST below /fleet/v1."""
        answer: dict[str, Any] = json.loads(self.ask(post_bytes(path, body)))
        return answer

    def _more(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise EOFError("the server hung up")
        return data


def post_bytes(path: str, body: dict[str, Any]) -> bytes:
    """The request's bytes."""
    payload = json.dumps(body).encode()
    return f"POST /fleet/v1{path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(payload)}\r\n\r\n".encode() + payload


def get_bytes(path: str) -> bytes:
    """The request's bytes."""
    return f"GET /fleet/v1{path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
