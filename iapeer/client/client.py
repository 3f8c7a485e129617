"""The daemon's HTTP API over its unix socket: one request a connection, nothing but the standard library's core.

The daemon is started when nobody listens (see spawn.py), unless the caller only wants to look. Imports stand where they
are used: `--help` loads this module and calls nothing.
"""

from __future__ import annotations

import os
import sys
import time

from iapeer import __version__
from iapeer.model.errors import BY_EXIT_CODE, Failed, PeerError, TimedOut, Unreachable, Usage

TYPE_CHECKING = False  # `typing` itself is too slow to import here
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from io import BufferedReader
    from typing import Any

BASE = "/fleet/v1"
PATIENCE_S = 60.0  # for an answer that should come at once
WAKE_S = 600.0  # for an answer that waits for a session: longer than any launch is given
SPARE_S = 30.0  # how much longer than the daemon's own deadline to listen
RETRY_S = 20.0  # for a daemon that goes away again and again
STORE_S = 10.0  # for a database that another program writes to, or whose disk is full
_STEP_S = 0.05
_STORE_STEP_S = 0.5  # each try keeps the daemon waiting for a while
LOST = ("went-away", "stopping", "not-begun")  # errors of a daemon that ends
_UNBEGUN = ("not-begun", "no-room")  # errors of a daemon that did nothing of what was asked
_STORE = "store"  # the daemon lives, and its database takes nothing now


class NotRunning(Unreachable):
    """Nobody listens on the daemon's socket."""


class WentAway(Unreachable):
    """The daemon ended before it had answered: nobody knows whether it did what was asked."""

    code = "went-away"


class NotBegun(Unreachable):
    """The daemon ended, and certainly did nothing of what was asked."""

    code = "not-begun"


def call(
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    query: dict[str, Any] | None = None,
    *,
    timeout: float | None = PATIENCE_S,
    start: bool = True,
    again: bool | None = None,
) -> dict[str, Any]:
    """The answer to one request. Errors are those of model.errors, as the daemon gave them.

    Asked again, for at most RETRY_S after the first loss, while no daemon begins with it or has room for it; and while
    daemons end over it if it may be done twice: `again`, by default what only looks; then also for STORE_S while its
    database fails. `again` False: it is for one daemon, and never asked again. A `timeout_s` among the fields is for
    the whole.
    """
    repeatable = method == "GET" if again is None else again
    first, lost = time.monotonic(), None
    while True:
        began = time.monotonic()
        fields = _left(body, began - first), _left(query, began - first)
        try:
            return _ask(method, path, *fields, timeout=timeout, start=start)
        except PeerError as error:
            now = time.monotonic()
            if lost is None or now - began > RETRY_S:
                lost = now if error.code in (*LOST, *_UNBEGUN, _STORE) else None
            patience = STORE_S if error.code == _STORE else RETRY_S
            late = lost is None or now - lost > patience
            if late or again is False or not _may_repeat(error.code, repeatable, start):
                raise
            pause = _STORE_STEP_S if error.code == _STORE else _STEP_S
        time.sleep(pause)


def _may_repeat(code: str, repeatable: bool, start: bool) -> bool:
    return code in _UNBEGUN or (code in (*LOST, _STORE) and repeatable) or (code == "not-running" and start)


def _left(fields: dict[str, Any] | None, passed: float) -> dict[str, Any] | None:
    limit = (fields or {}).get("timeout_s")
    return fields if limit is None or passed < _STEP_S else {**(fields or {}), "timeout_s": max(0.0, limit - passed)}


def _ask(
    method: str,
    path: str,
    body: dict[str, Any] | None,
    query: dict[str, Any] | None,
    *,
    timeout: float | None,
    start: bool,
) -> dict[str, Any]:
    """One request, once."""
    data = request(method, path, body, query)
    connection = connect(start=start)
    try:
        connection.settimeout(timeout)
        with connection.makefile("rb") as stream:
            status, headers = _answered(connection, stream, data)
            _compare(headers.get("iapeer-version"))
            return _checked(status, b"".join(chunks(stream, headers)))
    except TimeoutError:
        from iapeer.client.spawn import whose  # late: hardly ever

        raise TimedOut(f"The daemon{whose()} has not answered for {timeout:.0f} s: see `iapeer status`.") from None
    except (ConnectionError, EOFError):
        raise WentAway("The daemon went away before it answered: see `iapeer status` and try again.") from None
    finally:
        connection.close()


def _compare(version: str | None) -> None:
    if version != __version__:
        from iapeer.client import skew  # late: hardly ever

        skew.note(version)


def _answered(connection: socket.socket, stream: BufferedReader, data: bytes) -> tuple[int, dict[str, str]]:
    """Send the request, read the head of its answer. NotBegun when the daemon has not read all of it."""
    whole = True
    try:
        connection.sendall(data)
    except (BrokenPipeError, ConnectionResetError):  # it has heard enough, and its answer says why; or it is gone
        whole = False
    try:
        return head(stream)
    except (ConnectionError, EOFError) as error:
        # A unix socket of Linux is reset if its other end closes before all was read, and only then.
        if whole and not (isinstance(error, ConnectionResetError) and sys.platform == "linux"):
            raise
        raise NotBegun("The daemon ends and has not begun with this: try again.") from None


def url(*parts: str) -> str:
    """A path of the API, every part quoted. Usage for a part that cannot name anything."""
    from urllib.parse import quote  # late: `send` has a fixed path

    from iapeer.client.utf8 import is_utf8
    from iapeer.wording.text import visible

    for part in parts:
        if part in ("", ".", "..") or not is_utf8(part):
            raise Usage(f"'{visible(part)}' is not a name.", code="bad-name")
    return "/" + "/".join(quote(part, safe="") for part in parts)


def is_inside_session() -> bool:
    """Whether our environment is a session's. Who hides that is asked as a process, by the daemon."""
    return any(os.environ.get(name) for name in ("IAPEER_SESSION", "IAPEER_TOKEN", "PEER_IDENTITY"))


def socket_file() -> str:
    """The daemon's socket: the one our session was told, or the one of our root."""
    told = os.environ.get("IAPEER_SOCKET")
    if told:
        return told
    from iapeer.paths.sockets import daemon_socket

    return daemon_socket(os.environ)


def connect(*, start: bool = True) -> socket.socket:
    """A connection to the daemon, which is started first if need be. NotRunning when it should not be."""
    path = socket_file()
    try:
        return _open(path)
    except NotRunning:
        from iapeer.client.spawn import await_daemon, start_daemon  # late: rarely needed

    return start_daemon(path) if start else await_daemon(path)


def _open(path: str) -> socket.socket:
    import socket

    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        raise NotRunning("The daemon does not run: start it with `iapeer daemon start`.", code="not-running") from None
    except OSError as error:
        connection.close()
        boxed = ": a sandbox forbids it, run this outside of it" if isinstance(error, PermissionError) else ""
        raise Unreachable(f"The daemon's socket {path} cannot be used: {error.strerror or error}{boxed}.") from error
    return connection


def request(method: str, path: str, body: dict[str, Any] | None = None, query: dict[str, Any] | None = None) -> bytes:
    """The bytes of a request. `path` is below the base and already quoted."""
    payload = b"" if body is None else _json(body)
    lines = [
        f"{method} {BASE}{path}{_query(query)} HTTP/1.1",
        "Host: iapeer",
        "Connection: close",
        f"User-Agent: iapeer/{__version__}",
        f"Content-Length: {len(payload)}",
        "Content-Type: application/json",
        *_identity(),
    ]
    return "\r\n".join([*lines, "", ""]).encode(errors="replace") + payload


def _json(body: dict[str, Any]) -> bytes:
    import json

    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        from iapeer.client.utf8 import not_utf8

        raise not_utf8(body) from None


def _identity() -> list[str]:
    """Who we are: a session's token, and whom its environment says we are."""
    token, identity = os.environ.get("IAPEER_TOKEN"), os.environ.get("PEER_IDENTITY")
    found = [f"Authorization: Bearer {token}"] if token else []
    found += [f"X-Peer-Identity: {identity}"] if identity else []
    return [" ".join(line.split()) for line in found]


def _query(query: dict[str, Any] | None) -> str:
    given = {key: value for key, value in (query or {}).items() if value is not None}
    if not given:
        return ""
    from urllib.parse import urlencode  # late: `send` has no query

    try:
        return "?" + urlencode(given)
    except UnicodeEncodeError:
        from iapeer.client.utf8 import not_utf8

        raise not_utf8(given) from None


def head(stream: BufferedReader) -> tuple[int, dict[str, str]]:
    """(status, headers in lower case) of an answer. EOFError when there is none, or only a part."""
    words = stream.readline(65536).split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise EOFError
    headers: dict[str, str] = {}
    while line := stream.readline(65536):
        name, _, value = line.strip().decode("latin-1").partition(":")
        if not name:
            return int(words[1]), headers
        headers[name.strip().lower()] = value.strip()
    raise EOFError


def chunks(stream: BufferedReader, headers: dict[str, str]) -> Iterator[bytes]:
    """The body's bytes as they come. EOFError when it ends too early."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int(stream.readline(1024).partition(b";")[0].strip() or b"0", 16):
            yield _exactly(stream, size)
            stream.readline(1024)
    elif "content-length" in headers:
        yield _exactly(stream, int(headers["content-length"]))
    else:
        while data := stream.read1(65536):
            yield data


def _exactly(stream: BufferedReader, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _checked(status: int, body: bytes) -> dict[str, Any]:
    import json

    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if status < 400 and isinstance(answer, dict):
        return answer
    raise error_of(status, answer)


def error_of(status: int, answer: object) -> PeerError:
    """The error that an answer stands for."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return Failed(f"The daemon gave no proper answer (HTTP {status}): see `iapeer logs` or restart it.")
    kind = BY_EXIT_CODE.get(error.get("exit", 1), Failed)
    return kind(error["message"], code=str(error.get("code") or kind.code))
