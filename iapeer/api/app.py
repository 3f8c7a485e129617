"""The application of `/fleet/v1`: its endpoints, and what becomes of errors."""

from __future__ import annotations

import functools

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route, Router
from starlette.types import Receive, Scope, Send

from iapeer.api import events, openapi, ownsession, powers, runtimes, snapshot, status, verify
from iapeer.api.messages import inbox, path, sending
from iapeer.api.peers import changes, consents, details, making, peer
from iapeer.api.requests import NoQuery
from iapeer.api.sessions import attach, control, record, screen
from iapeer.api.turnhook import turn_hook_route
from iapeer.api.web import Api, ApiCall, Endpoint, bounded, failure
from iapeer.model.errors import PeerError, Usage

BASE = "/fleet/v1"


async def get_openapi(_: ApiCall[None, NoQuery]) -> openapi.Document:
    return document()


@functools.cache
def document() -> openapi.Document:
    """Make the OpenAPI document of all endpoints."""
    return openapi.document(ENDPOINTS, BASE)


ENDPOINTS: list[Endpoint] = [
    *status.ENDPOINTS, *verify.ENDPOINTS, *runtimes.ENDPOINTS,
    *peer.ENDPOINTS, *details.ENDPOINTS, *making.ENDPOINTS, *changes.ENDPOINTS, *consents.ENDPOINTS,
    *control.ENDPOINTS, *attach.ENDPOINTS, *screen.ENDPOINTS, *record.ENDPOINTS, *ownsession.ENDPOINTS,
    *sending.ENDPOINTS, *inbox.ENDPOINTS, *path.ENDPOINTS,
    *snapshot.ENDPOINTS, *events.ENDPOINTS,
    Endpoint("GET", "/openapi.json", get_openapi, "This document"),
]  # fmt: skip


def fleet_app(api: Api) -> Starlette:
    """Make the application that is served on the unix socket."""
    app = Starlette(routes=[fleet_mount(api), turn_hook_route(api.fleet)], exception_handlers={404: _not_found})
    app.router.redirect_slashes = False
    return app


def fleet_mount(api: Api) -> Mount:
    """Make the routes of all endpoints. Failed for one that is not in the table of powers."""
    powers.check_complete(ENDPOINTS)
    paths: dict[str, dict[str, Endpoint]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    routes = [Route(path, _Path(api, methods)) for path, methods in paths.items()]
    return Mount(BASE, app=Router(routes, redirect_slashes=False, default=_nowhere))


class _Path:
    """The application of one path: it answers by method."""

    def __init__(self, api: Api, methods: dict[str, Endpoint]) -> None:
        self._api = api
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        endpoint = self._methods.get(request.method)
        response = self._no_method(request) if endpoint is None else await _respond(self._api, endpoint, request)
        await response(scope, receive, send)

    def _no_method(self, request: Request) -> Response:
        there = ", ".join(self._methods)
        error = Usage(f"{request.url.path} does not take {request.method}: use {there}.", code="no-method")
        return failure(error, {"Allow": there})


async def _respond(api: Api, endpoint: Endpoint, request: Request) -> Response:
    try:
        await api.admit()
        with api.requests.opened():
            return await bounded(f"request {request.method} {request.url.path}", endpoint.respond(api, request))
    except PeerError as error:
        return failure(error)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    response = await _not_found(Request(scope), None)
    await response(scope, receive, send)


async def _not_found(request: Request, _: Exception | None) -> Response:
    return failure(Usage(f"There is no {request.url.path}.", code="no-route"))
