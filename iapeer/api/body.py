"""The body of a request: read within a time and a size, on every socket."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from iapeer.model.errors import Refused, TimedOut

SLOW_S = 30.0  # for a request's body, and on TCP for its head


class TooLarge(Refused):
    """More than a request may have."""

    http_status = 413


class TooSlow(TimedOut):
    """The rest of the request did not come."""

    http_status = 408


async def read_body(request: Request, limit: int) -> bytes:
    """Read a body of at most `limit` bytes; TooLarge, TooSlow, or ClientDisconnect when the client goes."""
    body = bytearray()
    try:
        async with asyncio.timeout(SLOW_S):
            async for part in request.stream():
                body += part
                if len(body) > limit:
                    raise TooLarge(f"The request is larger than {limit} bytes.", code="too-large")
    except TimeoutError:
        raise TooSlow(f"The request was not whole after {SLOW_S:g} s.", code="too-slow") from None
    return bytes(body)
