"""The floor of an HTTP answer: bare uvicorn and starlette on the unix socket argv[1], set up as the daemon is."""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def answer(_: Request) -> JSONResponse:
    """What the daemon answers to GET /peers without peers."""
    return JSONResponse({"api": 1, "peers": []})


if __name__ == "__main__":
    uvicorn.run(
        Starlette(routes=[Route("/fleet/v1/peers", answer)]), uds=sys.argv[1], http="httptools", loop="asyncio",
        ws="none", lifespan="off", log_config=None, access_log=False, server_header=False, date_header=False,
    )  # fmt: skip
