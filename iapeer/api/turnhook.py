"""Where agents tell the end of a turn by a hook of their program, on the unix socket, with the session's token.

The answer is empty, and the hook passes none of it on: it is only a signal.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from iapeer.api.body import read_body
from iapeer.api.caller import bearer
from iapeer.api.connections import ADMIT
from iapeer.fleet.fleet import Fleet
from iapeer.model.errors import PeerError
from iapeer.sessions.launchplan import token_hash
from iapeer.sessions.tell_turn_end import LIMIT, PATH


def turn_hook_route(fleet: Fleet) -> Route:
    """The route, to be served on the unix socket alone."""

    async def turn_end(request: Request) -> Response:
        token = bearer(request)
        session = fleet.context.store.sessions.by_token(token_hash(token)) if token else None
        if session is None:
            return Response(status_code=401)
        fleet.actor(session.identity).turn_ended(session.id, await _payload(request, session.id))
        return Response(status_code=204)

    return Route(PATH, turn_end, methods=["POST"])


async def _payload(request: Request, session: str) -> dict[str, Any]:
    """What the hook told; nothing when it is too large, too slow or no JSON object, or when its session has too many
    requests at work: that it called is enough.
    """
    try:
        request.scope[ADMIT](session)
        payload = json.loads(await read_body(request, LIMIT))
    except (ValueError, RecursionError, ClientDisconnect, PeerError):
        return {}
    return payload if isinstance(payload, dict) else {}
