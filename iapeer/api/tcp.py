"""The loopback port: `/mcp` and `/fleet/v1`, behind one door.

The door refuses other users, then whatever a web page could be behind, before it looks at anything else. What is behind
it wants a token: a session's, which acts as that peer, or the operator's, which is in a private file for the operator's
own programs.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from iapeer.api.body import SLOW_S, TooLarge, read_body
from iapeer.api.caller import TCP_CALLER, Claimed, Unknown, bearer, by_token, claims
from iapeer.api.connections import ADMIT, Bounded
from iapeer.api.web import BODY_LIMIT, ERROR_HEADERS, Api, failure
from iapeer.files.regular import write_private
from iapeer.mail.request import Caller
from iapeer.model.errors import Failed, PeerError, Usage
from iapeer.model.names import split_identity
from iapeer.sessions.launchplan import token_hash
from iapeer.store import Event

LOAD_S = 30.0  # for the MCP SDK to be imported
HEAD_LIMIT = 1 << 19  # bytes of a head, give or take what comes in one read
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_DIGITS = frozenset("0123456789abcdef")
_TOKEN_CHARS = 64  # 256 bits
_USER = "iapeer.uid"  # in the scope of a request: whose the other end is
_RPC_REFUSED = -32000  # JSON-RPC: a server's own error
Refusal = Callable[[PeerError], Response]


class NoRoute(Usage):
    """Nothing is there."""

    http_status = 404


class WrongMethod(Usage):
    """Something is there, and not for this method."""

    http_status = 405


class Door:
    """The first application on the loopback port: it refuses other users and web pages, and passes on the rest."""

    def __init__(self, port: int, fleet: ASGIApp, mcp: ASGIApp) -> None:
        self._port = port
        self._fleet = fleet
        self._mcp = mcp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        app: ASGIApp | Response = self._behind(HTTPConnection(scope))
        await app(scope, receive, send)

    def _behind(self, request: HTTPConnection) -> ASGIApp | Response:
        path: str = request.scope["path"]
        refusal = mcp_failure if path == "/mcp" else failure
        try:
            _no_other_user(request)
            _no_web_page(request, self._port)
            if path == "/mcp":
                return self._mcp
            if path.startswith("/fleet/v1/"):
                return self._fleet
            raise NoRoute("There is nothing here: use /mcp or /fleet/v1.", code="no-route")
        except PeerError as error:
            return refusal(error)


def _no_other_user(request: HTTPConnection) -> None:
    """Refuse another user, whatever is shown: a stolen token is worth nothing to them."""
    uid = request.scope.get(_USER)
    if uid is not None and uid != os.getuid():
        raise Claimed("This daemon belongs to another user.", code="other-user")


def _no_web_page(request: HTTPConnection, port: int) -> None:
    """Refuse another host's name (DNS rebinding), and every origin but our own."""
    for host in request.headers.getlist("host") or [""]:
        if not _is_ours(f"//{host}", port, portless=True):
            raise Claimed("This port is for programs of this machine: call it 127.0.0.1.", code="foreign-host")
    for origin in request.headers.getlist("origin"):
        if not (origin.startswith("https://") and _is_ours(origin, port, portless=False)):
            raise Claimed("Web pages may not call this port.", code="foreign-origin")


def _is_ours(url: str, port: int, portless: bool) -> bool:
    try:
        parts = urlsplit(url)
        bare = parts.hostname in _LOOPBACK and not (parts.path or parts.query or parts.fragment or parts.username)
        return bare and (parts.port == port or (portless and parts.port is None))
    except ValueError:  # a port that is no number, half an address
        return False


class Guarded:
    """An application that is reached with a token only, and whose requests are whole before it sees them."""

    def __init__(self, api: Api, operator_hash: str, app: ASGIApp, refusal: Refusal = failure) -> None:
        self._api = api
        self._operator_hash = operator_hash
        self._app = app
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._api.admit()  # until then a session that died meanwhile would count as alive
            request = HTTPConnection(scope)
            caller = scope[TCP_CALLER] = self._caller(request)
            scope[ADMIT](caller.session)
            whole = await _whole(request, receive)
        except PeerError as error:
            await self._refusal(error)(scope, receive, send)
            return
        except ClientDisconnect:  # gone before all was said: nobody to answer
            return
        await self._app(scope, whole, send)

    def _caller(self, request: HTTPConnection) -> Caller:
        token = bearer(request)
        if not token:
            raise Unknown(
                "On TCP every request shows a token: Authorization: Bearer, then $IAPEER_TOKEN inside a session, or "
                "what is in operator.token beside the database.", code="no-token",
            )  # fmt: skip
        if not hmac.compare_digest(token_hash(token), self._operator_hash):
            return self._session(by_token(request, token, self._api.fleet))
        if claims(request):
            raise Claimed("The operator's token is shown with a peer's name: an agent uses its own.", code="bad-token")
        return Caller()

    def _session(self, caller: Caller) -> Caller:
        """Refuse a session that was not launched to call here: another server may have been shown its token."""
        port = self._api.port
        if port is not None and caller.session is not None and port.is_deaf(caller.session):
            raise Unknown(
                f"{caller.personality}'s session was launched when another port served, so its token is void here: "
                "use `iapeer send`.", code="bad-token",
            )  # fmt: skip
        return caller


async def _whole(request: HTTPConnection, receive: Receive) -> Receive:
    """Read the whole body, and return a channel that gives it again. ClientDisconnect when the client goes."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > BODY_LIMIT:
        raise TooLarge(f"The request is larger than {BODY_LIMIT} bytes.", code="too-large")
    body = await read_body(Request(request.scope, receive), BODY_LIMIT)
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return first.pop() if first else await receive()

    return again


class LateMcp:
    """`/mcp`. The SDK costs most of a second and 30 MB: it is loaded with the first session whose messages wait for it,
    or by the first request, which waits. Where that fails, requests are told so at once, and it is tried again with
    one of them, later.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._wanted = asyncio.Event()
        self._tried = asyncio.Event()  # `_app` or `_error` is there
        self._app: ASGIApp | None = None
        self._error = ""

    def notice(self, event: Event) -> None:
        """Load the SDK when an event tells of a session whose program will ask soon."""
        if event.ev not in ("wake", "readopted") or event.identity is None:
            return
        with contextlib.suppress(PeerError):
            runtime, _ = split_identity(event.identity)
            version = event.data.get("version")
            adapter = self._api.fleet.registry.catalogue.get(runtime).adapter
            mcp = adapter.for_version(version if isinstance(version, str) else None).mcp
            if mcp is not None and mcp.wait_ms:
                self._wanted.set()

    async def run(self, progressed: Callable[[], None]) -> None:
        """Load the SDK once it is wanted, and keep its task group until cancelled; call `progressed` when it serves."""
        await self._wanted.wait()
        async with (await asyncio.to_thread(_load))(self._api) as self._app:
            self._tried.set()
            progressed()
            await asyncio.Event().wait()

    def failed(self, error: str) -> None:
        """Answer requests with this error, which ended `run`, until the SDK is loaded after all."""
        self._app, self._error = None, error
        self._wanted.clear()
        self._tried.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            error = WrongMethod("/mcp is stateless: it answers POST only.", code="method")
            await mcp_failure(error)(scope, receive, send)
            return
        self._wanted.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOAD_S):
                await self._tried.wait()
        app = self._app or mcp_failure(self._unavailable())
        await app(scope, receive, send)

    def _unavailable(self) -> Failed:
        why = self._error or f"it is not loaded after {LOAD_S:g} s"
        return Failed(f"/mcp cannot be served ({why}): if that stays so, install iapeer anew.", code="no-mcp")


def _load() -> Callable[[Api], contextlib.AbstractAsyncContextManager[ASGIApp]]:
    from iapeer.api.mcp import mcp_app  # late, and not in the loop's thread

    return mcp_app


def mcp_failure(error: PeerError) -> JSONResponse:
    """Write an error as MCP's clients read it."""
    refusal = {"code": _RPC_REFUSED, "message": str(error), "data": {"code": error.code}}
    headers = {**ERROR_HEADERS, 405: {"Allow": "POST"}}.get(error.http_status)
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": refusal}, error.http_status, headers)


def operator_token(path: Path) -> str:
    """Read the operator's token for TCP; it is made when there is none that is private and whole."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        token = path.read_text("ascii").strip()
        private = stat.S_IMODE(path.stat().st_mode) == 0o600
        if private and len(token) == _TOKEN_CHARS and set(token) <= _DIGITS:
            return token
    made = secrets.token_hex(_TOKEN_CHARS // 2)
    write_private(path, f"{made}\n")
    return made


class TcpProtocol(Bounded):
    """HTTP on TCP that bounds the time and the length of a request's head: no token is shown yet."""

    _clock: asyncio.TimerHandle | None = None  # set while a head is awaited
    _head = 0  # bytes that came meanwhile
    uid: int | None = None  # of the other end; None where the system does not tell

    def connection_made(self, transport) -> None:  # type: ignore[no-untyped-def]
        super().connection_made(transport)
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._head = self._head + len(data) if self._clock is not None else 0
        if self._head > HEAD_LIMIT:
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[_USER] = self.uid  # type: ignore[literal-required]
        self._start_clock()

    def on_headers_complete(self) -> None:
        self._stop_clock()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def _start_clock(self) -> None:
        self._stop_clock()
        self._clock = self.loop.call_later(SLOW_S, self.transport.close)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
