"""Read the daemon's event stream (server-sent events) as dicts."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any

from iapeer.client.call import NotRunning, connect
from iapeer.client.wire import chunks, error_of, head, request

_RETURN_S = 15.0  # how long to wait for a daemon that restarts
_STEP_S = 0.25


def open_stream(query: dict[str, Any], *, start: bool = True) -> socket.socket:
    """Open a connection on which the events that fit `query` come. Close it, or shut it down from another thread."""
    connection = connect(start=start)
    connection.sendall(request("GET", "/events/stream", query=query))
    return connection


def followed(query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Follow the events that fit `query`, for ever; a daemon that restarts leaves no gap."""
    connection = open_stream(query)
    while True:
        with connection:
            for event in events(connection):
                query = {**query, "after": event["seq"]}
                yield event
        connection = _reopened(query)


def _reopened(query: dict[str, Any]) -> socket.socket:
    deadline = time.monotonic() + _RETURN_S
    while True:
        time.sleep(_STEP_S)
        try:
            return open_stream(query, start=False)
        except NotRunning:
            if time.monotonic() > deadline:
                raise


def events(connection: socket.socket) -> Iterator[dict[str, Any]]:
    """Read the events of a connection as they come; ends when the daemon does."""
    try:
        with connection.makefile("rb") as stream:
            status, headers = head(stream)
            body = chunks(stream, headers)
            if status >= 400:
                raise error_of(status, _json(b"".join(body)))
            for text in messages(body):
                event = _json(text.encode())
                if isinstance(event, dict):
                    yield event
    except (ConnectionError, EOFError):
        return


def messages(body: Iterable[bytes]) -> Iterator[str]:
    """Read the data of each server-sent event; comments and other fields are skipped."""
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
        value: object = json.loads(text)
    except ValueError:
        return None
    return value
