"""What every handler needs: the house behind it, the request's body and query, and the shape of errors."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar, get_type_hints

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from iapeer.api import answers, powers
from iapeer.api.body import read_body
from iapeer.api.caller import caller_of
from iapeer.api.connections import ADMIT, Gate
from iapeer.api.models import NoQuery, Query, parse, parse_query
from iapeer.api.port import Port
from iapeer.api.statuses import status_of
from iapeer.fleet.fleet import Fleet
from iapeer.mail.request import Caller
from iapeer.model.errors import Failed, PeerError, Unreachable
from iapeer.server.duties import Duties
from iapeer.server.ending import Begun

log = logging.getLogger("iapeer.api")
BODY_LIMIT = 1 << 20
SESSION_LIMIT = 8 << 20  # of a session's batch
_SMALL = 1 << 16  # bytes of a body that is read in the loop
ERROR_HEADERS: dict[int, dict[str, str]] = {  # by status
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.REQUEST_TIMEOUT: {"Connection": "close"},  # who sends the rest after all begins no new request with it
}
T = TypeVar("T")
B = TypeVar("B", bound=BaseModel | None)
Q = TypeVar("Q", bound=Query)


class Api:
    """The house: the fleet, how long `send` waits for a proof, and whether the daemon is to stop."""

    def __init__(self, fleet: Fleet, send_wait_s: float) -> None:
        self.fleet = fleet
        self.send_wait_s = send_wait_s
        self.stopping = asyncio.Event()
        self.mcp_wait_s = 45.0
        self.tcp: str | None = None
        self.port: Port | None = None
        self.problems: list[str] = []  # what is wrong with the settings
        self.duties = Duties(fleet.context.clock, fleet.context.store.events.append)
        self.gates: dict[str, Gate] = {}  # by listener
        self.ready = asyncio.Event()  # the sessions that outlived the last daemon were looked for
        self.begun = Begun()
        self.large = asyncio.Lock()  # one large body is parsed at a time: others have their turn in between

    def stop(self) -> None:
        """Stop the daemon; who waits for events is let go."""
        self.stopping.set()
        self.ready.set()
        self.fleet.end_waits()

    async def admit(self) -> None:
        """Return when a request may be begun with; Unreachable when that is for another daemon."""
        await self.ready.wait()
        if self.stopping.is_set():
            raise Unreachable("The daemon ends and has not begun with this: try again.", code="not-begun")

    async def next_event(self, seconds: float) -> None:
        """Wait until anything happened, or so long at most; Failed once the daemon stops."""
        await self.fleet.next_event(0 if self.stopping.is_set() else seconds)
        if self.stopping.is_set():
            raise Failed("The daemon stops: start it and ask again.", code="stopping")


@dataclass(frozen=True)
class Call(Generic[B, Q]):
    """One request: who asks, and what, as the endpoint's models have it."""

    api: Api
    request: Request
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


Handler = Callable[[Call[Any, Any]], Awaitable[Mapping[str, object] | Response]]


@dataclass(frozen=True)
class Endpoint:
    """One route: who does it, what it takes, as models, and how it may end. The path is below /fleet/v1.

    What it gives is what its handler is annotated to return: a shape of `answers`, or a Response of its own type.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    body: type[BaseModel] | None = None
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

    async def respond(self, api: Api, request: Request) -> Response:
        """Answer one request; PeerError for what is refused."""
        caller = caller_of(request, api.fleet)
        request.scope[ADMIT](caller.session)
        powers.check(caller, self.method, self.path, str(request.path_params.get("name", "")), api.fleet)
        body = await self._body(api, request, caller) if self.body is not None else None
        query = parse_query(self.query, request.query_params.multi_items())
        answer = await self.handler(Call(api, request, caller, body, query))
        return answer if isinstance(answer, Response) else Json(answer)

    async def _body(self, api: Api, request: Request, caller: Caller) -> BaseModel:
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
    """What `work` returns; PeerError for whatever goes wrong: one bad request must not end the daemon.

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
    """An error as its answer."""
    told: answers.Problem = {"code": error.code, "message": str(error), "exit": error.exit_code}
    body: answers.Error = {"error": told}
    status = status_of(error)
    return Json(body, status, headers or ERROR_HEADERS.get(status))
