"""What every handler needs: the daemon behind it, the request's body and query; and how errors are answered."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, Literal, TypeVar, get_type_hints

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from iapeer.api import errors, powers
from iapeer.api.body import read_body
from iapeer.api.caller import caller_of
from iapeer.api.connections import ADMIT, Gate
from iapeer.api.household import DutyState
from iapeer.api.openrequests import OpenRequests
from iapeer.api.port import Port
from iapeer.api.requests import NoQuery, Query, Request, parse, parse_query
from iapeer.fleet.fleet import Fleet
from iapeer.mail.mail import Mail
from iapeer.mail.request import Caller
from iapeer.model.errors import Failed, PeerError, Unreachable

log = logging.getLogger("iapeer.api")
VERSION: Literal[1] = 1  # of this API
BODY_LIMIT = 1 << 20
SESSION_LIMIT = 8 << 20  # of a session's batch
MCP_WAIT_S = 45.0  # at most: agent programs give up near 60
_SMALL = 1 << 16  # bytes of a body that is read in the loop
ERROR_HEADERS: dict[int, dict[str, str]] = {  # by status
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.REQUEST_TIMEOUT: {"Connection": "close"},  # who sends the rest after all begins no new request with it
}
T = TypeVar("T")
B = TypeVar("B", bound=Request | None)
Q = TypeVar("Q", bound=Query)


class Api:
    """What handlers know of the daemon, and whether it begins requests, or ends.

    `send_wait_s`, `mcp_wait_s`: the seconds that a plain `send` waits for the proof, and a tool's call for an answer.
    `gates`: the connections of each listener, by its name. `duties` tells how the background duties are.
    `bad_settings`: what is wrong with the settings, a sentence each.
    """

    def __init__(
        self,
        fleet: Fleet,
        mail: Mail,
        send_wait_s: float,
        mcp_wait_s: float = MCP_WAIT_S,
        *,
        port: Port | None = None,
        gates: Mapping[str, Gate] | None = None,
        duties: Callable[[], list[DutyState]] = list,
        bad_settings: Sequence[str] = (),
    ) -> None:
        self.fleet = fleet
        self.mail = mail
        self.send_wait_s = send_wait_s
        self.mcp_wait_s = min(mcp_wait_s, MCP_WAIT_S)
        self.port = port
        self.gates = gates or {}
        self.duties = duties
        self.bad_settings = bad_settings
        self.ready = asyncio.Event()  # the sessions that outlived the last daemon were looked for
        self.stopping = asyncio.Event()
        self.requests = OpenRequests()
        self.large = asyncio.Lock()  # one large body is parsed at a time: others have their turn in between

    def stop(self) -> None:
        """Begin the daemon's end: no request is begun any more, and whoever waits for events is let go."""
        self.stopping.set()
        self.ready.set()
        self.fleet.waits.end()

    async def admit(self) -> None:
        """Wait until requests may be begun; Unreachable once the daemon ends: its successor is to be asked."""
        await self.ready.wait()
        if self.stopping.is_set():
            raise Unreachable("The daemon ends and has not begun with this: try again.", code="not-begun")

    async def next_event(self, seconds: float) -> None:
        """Wait until anything happened, or so long at most; Failed once the daemon stops."""
        await self.fleet.waits.next_event(0 if self.stopping.is_set() else seconds)
        if self.stopping.is_set():
            raise Failed("The daemon stops: start it and ask again.", code="stopping")


@dataclass(frozen=True)
class ApiCall(Generic[B, Q]):
    """One request: its caller, and its body and query as the endpoint's models."""

    api: Api
    request: HttpRequest
    caller: Caller
    body: B
    query: Q

    @property
    def fleet(self) -> Fleet:
        return self.api.fleet

    @property
    def name(self) -> str:
        """The peer, runtime, session or message in the path."""
        return str(self.request.path_params["name"])


Handler = Callable[[ApiCall[Any, Any]], Awaitable[Mapping[str, object] | Response]]


@dataclass(frozen=True)
class Endpoint:
    """One route: its handler, the models of what it takes, and how it may end. The path is below /fleet/v1.

    What it gives is what its handler is annotated to return: a shape of its subject, or a Response of its own type.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    body: type[Request] | None = None
    query: type[Query] = NoQuery
    limit: int = BODY_LIMIT  # the largest body, in bytes
    errors: tuple[int, ...] = ()  # statuses of errors that its shape does not tell
    media: str = "application/json"

    @property
    def id(self) -> str:
        """Its name in the OpenAPI document."""
        return str(getattr(self.handler, "__name__", ""))

    @property
    def answer(self) -> Any:
        """The type of its answer."""
        return get_type_hints(self.handler)["return"]

    async def respond(self, api: Api, request: HttpRequest) -> Response:
        """Answer one request, if its caller may; PeerError for what is refused."""
        caller = caller_of(request, api.fleet)
        request.scope[ADMIT](caller.session)
        powers.check(caller, self.method, self.path, str(request.path_params.get("name", "")), api.fleet)
        body = await self._body(api, request, caller) if self.body is not None else None
        query = parse_query(self.query, request.query_params.multi_items())
        answer = await self.handler(ApiCall(api, request, caller, body, query))
        return answer if isinstance(answer, Response) else Json(answer)

    async def _body(self, api: Api, request: HttpRequest, caller: Caller) -> Request:
        assert self.body is not None
        limit = self.limit if caller.session is None else min(self.limit, SESSION_LIMIT)
        body = await read_body(request, limit)
        if len(body) <= _SMALL:
            return parse(self.body, body)
        async with api.large:
            return await asyncio.to_thread(parse, self.body, body)


class Json(JSONResponse):
    """JSON of whatever text there is: half a surrogate pair, which UTF-8 has no form for, goes as its escape."""

    def render(self, content: object) -> bytes:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")


async def bounded(what: str, work: Awaitable[T]) -> T:
    """Return what `work` does; PeerError for whatever goes wrong: one bad request must not end the daemon.

    An error that nobody foresaw is logged without its words: they may be mail.
    """
    try:
        return await work
    except (PeerError, ClientDisconnect):
        raise
    except Exception as error:  # noqa: BLE001 - the top of a request
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("%s: %s\n%s", what, type(error).__name__, where)
        raise PeerError(f"The daemon failed ({type(error).__name__}): its log has more.") from None


def failure(error: PeerError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Write an error as an answer."""
    body: errors.Error = {"error": {"code": error.code, "message": str(error), "exit": error.exit_code}}
    status = errors.status_of(error)
    return Json(body, status, headers or ERROR_HEADERS.get(status))
