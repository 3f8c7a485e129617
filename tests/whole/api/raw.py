"""Requests whose answers are looked at as they came."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import Root

SECONDS = 30.0


class Unix(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("iapeer", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(str(self._path))


@dataclass(frozen=True)
class Raw:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


def request(root: Root, method: str, path: str, body: bytes | None = None, **headers: str) -> Raw:
    """One request below /fleet/v1."""
    with contextlib.closing(Unix(root.socket)) as connection:
        connection.request(method, f"/fleet/v1{path}", body, headers)
        answer = connection.getresponse()
        return Raw(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read())


@contextlib.contextmanager
def stream(path: Path, query: str = "", **headers: str) -> Iterator[http.client.HTTPResponse]:
    """The open answer of /events/stream; hung up on at the end."""
    with contextlib.closing(Unix(path)) as connection:
        connection.request("GET", f"/fleet/v1/events/stream?{query}", headers=headers)
        answer = connection.getresponse()
        try:
            yield answer
        finally:
            answer.close()
