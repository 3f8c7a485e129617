"""The daemon's event stream (server-sent events), read as dicts."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Iterator
from typing import Any

from iapeer.client.call import connect
from iapeer.client.wire import chunks, error_of, head, request


def open_stream(query: dict[str, Any], *, start: bool = True) -> socket.socket:
    """A connection on which the events that fit `query` will come. Close it, or shut it down from another thread."""
    connection = connect(start=start)
    connection.sendall(request("GET", "/events/stream", query=query))
    return connection


def events(connection: socket.socket) -> Iterator[dict[str, Any]]:
    """The events as they come; ends when the daemon does."""
    try:
        with connection.makefile("rb") as stream:
            status, headers = head(stream)
            body = chunks(stream, headers)
            if status >= 400:
                raise error_of(status, _json(b"".join(body)))
            for text in messages(body):
                found = _json(text.encode())
                if isinstance(found, dict):
                    yield found
    except (ConnectionError, EOFError):
        return


def messages(body: Iterable[bytes]) -> Iterator[str]:
    """The data of each server-sent event; comments and other fields are skipped."""
    held: list[str] = []
    for line in _lines(body):
        if line.startswith("data:"):
            held.append(line[5:].removeprefix(" "))
        elif not line and held:
            yield "\n".join(held)
            held = []


def _lines(body: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for data in body:
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r").decode("utf-8", "replace")


def _json(text: bytes) -> object:
    try:
        found: object = json.loads(text)
    except ValueError:
        return None
    return found
