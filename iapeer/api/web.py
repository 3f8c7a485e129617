"""What every handler needs: the house behind it, the request's body and query, and the shape of errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from iapeer.api.caller import caller_of
from iapeer.api.models import NoQuery, Query, parse, parse_query
from iapeer.daemon.fleet import Fleet
from iapeer.daemon.letter import Caller
from iapeer.model.errors import PeerError, Refused

BODY_LIMIT = 1 << 20
Answered = dict[str, Any]
B = TypeVar("B", bound=BaseModel | None)
Q = TypeVar("Q", bound=Query)


class Api:
    """The house: the fleet, how long `send` waits for a proof, and how to stop the daemon."""

    def __init__(self, fleet: Fleet, send_wait_s: float, stop: Callable[[], None]) -> None:
        self.fleet = fleet
        self.send_wait_s = send_wait_s
        self.stop = stop
        self.mcp_wait_s = 45.0
        self.tcp: str | None = None
        self.problems: list[str] = []  # what is wrong with the settings
        self.deaf: Callable[[], list[str]] = list  # the identities that call another loopback port than ours
        self.port_problems: Callable[[], list[str]] = list
        self.ready = asyncio.Event()  # the sessions that outlived the last daemon were looked for


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

    def operator_only(self, what: str) -> None:
        """An agent may ask its fellows, but not press their keys: it could approve what it is asked itself."""
        if self.caller != Caller():
            raise Refused(f"{self.caller.personality} may not {what}: that is for the operator.", code="operator-only")


Handler = Callable[[Call[Any, Any]], Awaitable[Answered | Response]]


@dataclass(frozen=True)
class Endpoint:
    """One route: what it takes and gives, as models, and who does it. The path is below /fleet/v1."""

    method: str
    path: str
    handler: Handler
    summary: str
    body: type[BaseModel] | None = None
    query: type[Query] = NoQuery
    limit: int = BODY_LIMIT  # the largest body, in bytes

    async def answer(self, api: Api, request: Request) -> Answered | Response:
        """Answer one request; PeerError for what is refused."""
        caller = caller_of(request, api.fleet)
        body = parse(self.body, await _read(request, self.limit)) if self.body is not None else None
        query = parse_query(self.query, request.query_params)
        return await self.handler(Call(api, request, caller, body, query))


def failure(error: PeerError) -> JSONResponse:
    """An error as its answer."""
    told = {"code": error.code, "message": str(error), "exit": error.exit_code}
    return JSONResponse({"error": told}, status_code=error.http_status)


async def _read(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise Refused(f"The request is larger than {limit} bytes.", code="too-large")
    return bytes(body)
