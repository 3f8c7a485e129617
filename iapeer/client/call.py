"""Call the daemon's HTTP API over its unix socket, one request a connection, with the standard library's core alone.

The daemon is started when nobody listens (see spawn.py), unless the caller only wants to look. Imports stand where they
are used: `--help` loads this module and calls nothing.
"""

from __future__ import annotations

import os
import sys
import time

from iapeer import __version__
from iapeer.client.wire import answer_of, chunks, head, request
from iapeer.model.errors import PeerError, TimedOut, Unreachable, Usage

TYPE_CHECKING = False  # `typing` itself is too slow to import here
if TYPE_CHECKING:
    import socket
    from io import BufferedReader
    from typing import Any

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
    """Send one request and return its answer. Errors are those of model.errors, as the daemon gave them.

    `timeout` is in seconds; None waits for ever. `start` False starts no daemon: NotRunning is raised where none runs.
    The request is repeated, for at most RETRY_S after the first loss, while no daemon begins with it or has room for
    it. `again` True says that it may be done twice (None: GET alone may): it is then also repeated when a daemon ends
    over it, and for STORE_S while the database fails. `again` False never repeats it: it is meant for one daemon.
    A `timeout_s` among the fields bounds all tries together.
    """
    repeatable = method == "GET" if again is None else again
    first, lost = time.monotonic(), None
    while True:
        began = time.monotonic()
        fields = _with_time_left(body, began - first), _with_time_left(query, began - first)
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


def persist(
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    query: dict[str, Any] | None = None,
    *,
    timeout: float | None,
) -> dict[str, Any]:
    """Call what may be done twice (to look, or to send under a key), again while daemons go away before they answer."""
    return call(method, path, body, query, timeout=timeout, again=True)


def new_key() -> str:
    """Make an idempotency key: what is sent twice under it is stored once."""
    return f"cli-{os.urandom(8).hex()}"


def _may_repeat(code: str, repeatable: bool, start: bool) -> bool:
    return code in _UNBEGUN or (code in (*LOST, _STORE) and repeatable) or (code == "not-running" and start)


def _with_time_left(fields: dict[str, Any] | None, passed: float) -> dict[str, Any] | None:
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
    """Send one request, once."""
    data = request(method, path, body, query)
    connection = connect(start=start)
    try:
        connection.settimeout(timeout)
        with connection.makefile("rb") as stream:
            status, headers = _answered(connection, stream, data)
            _compare(headers.get("iapeer-version"))
            return answer_of(status, b"".join(chunks(stream, headers)))
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
    """Send the request and read the head of its answer. NotBegun when the daemon has not read all of it."""
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
    """Join the parts of an API path, each quoted. Usage for a part that cannot name anything."""
    from urllib.parse import quote  # late: `send` has a fixed path

    from iapeer.client.utf8 import is_utf8
    from iapeer.wording.text import visible

    for part in parts:
        if part in ("", ".", "..") or not is_utf8(part):
            raise Usage(f"'{visible(part)}' is not a name.", code="bad-name")
    return "/" + "/".join(quote(part, safe="") for part in parts)


def is_inside_session() -> bool:
    """Whether our environment is a session's. The daemon looks at the process of a caller that hides it."""
    return any(os.environ.get(name) for name in ("IAPEER_SESSION", "IAPEER_TOKEN", "PEER_IDENTITY"))


def socket_file() -> str:
    """Return the path of the daemon's socket: the one that our session was given, or the one of our root."""
    given = os.environ.get("IAPEER_SOCKET")
    if given:
        return given
    from iapeer.paths.sockets import daemon_socket

    return daemon_socket(os.environ)


def connect(*, start: bool = True) -> socket.socket:
    """Connect to the daemon, and start it first if it does not run. NotRunning when `start` is False and none runs."""
    path = socket_file()
    try:
        return open_socket(path)
    except NotRunning:
        from iapeer.client.spawn import await_daemon, start_daemon  # late: rarely needed

    return start_daemon(path) if start else await_daemon(path)


def open_socket(path: str) -> socket.socket:
    """Connect to whoever listens on a socket file. NotRunning when nobody does."""
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
