"""Where agents call by hooks: one route on loopback, with the session's token. Answered at once: only a signal."""

from __future__ import annotations

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from iapeer.daemon.fleet import Fleet
from iapeer.model.names import split_identity
from iapeer.sessions.launchplan import token_hash

_LIMIT = 1 << 20
_HOSTS = ("127.0.0.1", "localhost", "[::1]")


def hook_app(fleet: Fleet) -> Starlette:
    """The application, to be served on the loopback port."""

    async def hook(request: Request) -> Response:
        if _foreign(request):
            return JSONResponse({}, status_code=403)
        token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        session = fleet.site.store.session_of_token(token_hash(token)) if token else None
        if session is None:
            return JSONResponse({}, status_code=401)
        actor = fleet.actor(session.identity)
        hooks = fleet.registry.catalogue.get(split_identity(session.identity)[0]).adapter.hooks
        said = hooks.events.get(request.path_params["event"]) if hooks else None
        payload = await _payload(request)
        if actor.at.running is not None and actor.at.running.id == session.id and said is not None:
            actor.at.running.hook(said, payload)
        return JSONResponse({})

    return Starlette(routes=[Route("/hook/{event}", hook, methods=["POST"])])


def _foreign(request: Request) -> bool:
    """Whether a web page may be behind this: another host's name, or an origin."""
    host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    return host not in _HOSTS or "origin" in request.headers


async def _payload(request: Request) -> dict[str, object]:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LIMIT:
            return {}
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
