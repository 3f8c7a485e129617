"""Where agents call by hooks, with the session's token. Answered at once: it is only a signal."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from iapeer.api.caller import bearer
from iapeer.api.connections import ADMIT
from iapeer.daemon.fleet import Fleet
from iapeer.sessions.launchplan import token_hash

_LIMIT = 1 << 20


def hook_routes(fleet: Fleet) -> Router:
    """`POST /hook/EVENT`, to be served behind the door of the loopback port."""

    async def hook(request: Request) -> Response:
        token = bearer(request)
        session = fleet.site.store.session_of_token(token_hash(token)) if token else None
        if session is None:
            return JSONResponse({}, status_code=401)
        request.scope[ADMIT]()
        actor = fleet.actor(session.identity)
        hooks = fleet.site.adapter_of(session).hooks
        said = hooks.events.get(request.path_params["event"]) if hooks else None
        payload = await _payload(request)
        if actor.at.running is not None and actor.at.running.id == session.id and said is not None:
            actor.at.running.hook(said, payload)
        return JSONResponse({})

    return Router(routes=[Route("/hook/{event}", hook, methods=["POST"])])


async def _payload(request: Request) -> dict[str, Any]:
    """What the hook told; nothing when it is too large or no JSON object: that it called is enough."""
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > _LIMIT:
                return {}
        found = json.loads(body)
    except (ValueError, RecursionError, ClientDisconnect):
        return {}
    return found if isinstance(found, dict) else {}
