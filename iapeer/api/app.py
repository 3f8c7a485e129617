"""The application of `/fleet/v1`: its endpoints, and what becomes of errors."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from iapeer.api import house, messages, peers, sessions
from iapeer.api.web import Api, Endpoint, failure
from iapeer.model.errors import PeerError, Usage

log = logging.getLogger("iapeer.api")
BASE = "/fleet/v1"
ENDPOINTS: list[Endpoint] = [*house.ENDPOINTS, *peers.ENDPOINTS, *sessions.ENDPOINTS, *messages.ENDPOINTS]


def fleet_app(api: Api) -> Starlette:
    """The application, to be served on the unix socket."""
    return Starlette(routes=[fleet_mount(api)], exception_handlers={404: _not_found, 405: _not_found})


def fleet_mount(api: Api) -> Mount:
    """The endpoints, below their base."""
    routes = [Route(one.path, _handler(api, one), methods=[one.method]) for one in ENDPOINTS]
    return Mount(BASE, routes=routes)


def _handler(api: Api, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        try:
            await api.ready.wait()
            answer = await endpoint.answer(api, request)
        except PeerError as error:
            return failure(error)
        except Exception as error:  # the request boundary: one bad request must not end the daemon
            log.exception("request %s %s", request.method, request.url.path)
            return failure(PeerError(f"The daemon failed: {type(error).__name__}: {error}. Its log has more."))
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    return handle


async def _not_found(request: Request, _: Exception) -> Response:
    return failure(Usage(f"There is no {request.method} {request.url.path}.", code="no-route"))
