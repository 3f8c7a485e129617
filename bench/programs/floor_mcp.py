"""The floor of an MCP tool call: the official SDK, stateless with JSON replies, and an echo.

On the port argv[1]; by TLS with a certificate argv[2] and its key argv[3], if they are given.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import CallToolRequestParams, CallToolResult, TextContent
from starlette.applications import Starlette
from starlette.routing import Mount


async def echo(_: ServerRequestContext[Any, Any], asked: CallToolRequestParams) -> CallToolResult:
    """The text that it was given."""
    return CallToolResult(content=[TextContent(text=(asked.arguments or {})["text"])])


MANAGER = StreamableHTTPSessionManager(Server("echo", on_call_tool=echo), json_response=True, stateless=True)


@contextlib.asynccontextmanager
async def life(_: Starlette) -> AsyncIterator[None]:
    """The SDK's own task group."""
    async with MANAGER.run():
        yield


if __name__ == "__main__":
    certificate, key = (*sys.argv[2:], None, None)[:2]
    uvicorn.run(
        Starlette(routes=[Mount("/", MANAGER.handle_request)], lifespan=life), port=int(sys.argv[1]), http="httptools",
        loop="asyncio", ws="none", log_config=None, access_log=False, server_header=False, date_header=False,
        ssl_certfile=certificate, ssl_keyfile=key,
    )  # fmt: skip
