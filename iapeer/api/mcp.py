"""`/mcp`: one tool, for agents. Every character of it costs each agent context.

This module imports the SDK and is therefore itself imported late, by `iapeer.api.tcp`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import ConfigDict, Field, ValidationError
from starlette.types import ASGIApp

from iapeer import __version__
from iapeer.api.caller import caller_of
from iapeer.api.messages.sending import Send, send
from iapeer.api.requests import Request, unknown_key
from iapeer.api.web import Api, bounded
from iapeer.mail.request import MAX_ATTACHMENTS, MAX_BODY, MAX_TOPIC
from iapeer.model.errors import PeerError, Usage
from iapeer.store import INFORMATIONAL
from iapeer.wording import delivery

NAME = "send_to_peer"
INSTRUCTIONS = (
    "Peers are other agents on this machine. Their messages come to you as <iap> blocks; "
    "answer one with send_to_peer and re = its id."
)
DESCRIPTION = (
    "Send a message to a peer, another agent: it becomes its next turn, and wakes it if it sleeps. "
    "What it sends back comes to you as a message; set wait to be sure of an answer."
)
_PATHS = {"type": "array", "items": {"type": "string"}, "description": "absolute paths", "maxItems": MAX_ATTACHMENTS}
INPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "personality": {"type": "string", "description": "the peer's name"},
        "message": {"type": "string", "maxLength": MAX_BODY},
        "runtime": {"type": "string", "description": "only if the peer has several"},
        "topic": {"type": "string", "description": "the conversation it belongs to", "maxLength": MAX_TOPIC},
        "attachments": _PATHS,
        "re": {"type": "string", "description": "id of the message this answers"},
        "wait": {"type": "boolean", "description": "ask for an answer; waits up to 45 s, later it comes as a message"},
    },
    "required": ["personality", "message"],
    "additionalProperties": False,
}
_TEXT, _TEXT_OR_NOTHING = {"type": "string"}, {"type": ["string", "null"]}
_REPLY = {
    "id": _TEXT,
    "from": _TEXT,
    "body": _TEXT,
    "attachments": {"type": "array", "items": _TEXT},
    "created_ms": {"type": "integer"},
}
OUTPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "to": {
            "type": "object",
            "properties": {"personality": _TEXT, "runtime": _TEXT},
            "required": ["personality", "runtime"],
        },
        "outcome": {"enum": ["delivered", "queued", "refused", "stranded", "unknown"]},
        "reason": _TEXT_OR_NOTHING,
        "state": _TEXT,
        "depth": {"type": "integer"},
        "woke": {"type": "boolean"},
        "session": _TEXT_OR_NOTHING,
        "attempt": {"type": "integer"},
        "took_ms": {"type": "number"},
        "reply": {"type": ["object", "null"], "properties": _REPLY, "required": list(_REPLY)},
        "detail": _TEXT_OR_NOTHING,
    },
    "required": ["id", "to", "outcome", "reason", "state", "depth", "woke", "session", "attempt", "took_ms", "reply"],
}
TOOL = Tool(
    name=NAME,
    description=DESCRIPTION,
    input_schema=INPUT,
    output_schema=OUTPUT,
    annotations=ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
    ),
)
Context = ServerRequestContext[Any, Any]


class SendToPeer(Request):
    """The tool's arguments. No type is bent into another."""

    model_config = ConfigDict(extra="forbid", strict=True)

    personality: str
    message: str
    runtime: str | None = None
    topic: str | None = None
    attachments: Annotated[list[str], Field(fail_fast=True)] | None = None
    re: str | None = None
    wait: bool | None = None


@contextlib.asynccontextmanager
async def mcp_app(api: Api) -> AsyncIterator[ASGIApp]:
    """The application at `/mcp`. It acts as the caller that the door has put into the request's scope."""
    logging.getLogger("mcp").setLevel(logging.CRITICAL)  # its warnings and tracebacks would hold what was sent
    manager = StreamableHTTPSessionManager(_server(api), json_response=True, stateless=True)
    async with manager.run():
        yield manager.handle_request


def _server(api: Api) -> Server[Any]:
    async def list_tools(context: Context, _: PaginatedRequestParams | None) -> ListToolsResult:
        if context.request is not None:
            caller = caller_of(context.request, api.fleet)
            api.fleet.connected(caller.identity, caller.session)
        return ListToolsResult(tools=[TOOL])

    async def call_tool(context: Context, asked: CallToolRequestParams) -> CallToolResult:
        if asked.name != NAME:
            raise MCPError(INVALID_PARAMS, f"There is no tool of that name here: the only one is {NAME}.")
        try:
            return await bounded(NAME, _call(api, context, asked.arguments or {}))
        except PeerError as error:
            return _refused(str(error))

    server = Server[Any](
        "iapeer", version=__version__, instructions=INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )
    server.middleware.clear()  # OpenTelemetry: nobody collects it here, and it costs every call
    return server


async def _call(api: Api, context: Context, arguments: dict[str, Any]) -> CallToolResult:
    request = context.request
    assert request is not None
    caller = caller_of(request, api.fleet)
    asked = _parsed(arguments)
    sent = await send(api, caller, _wish(asked, api.mcp_wait_s), request.is_disconnected, so_far=True)
    kept = sent["reason"] == INFORMATIONAL
    text = delivery.for_agent(dict(sent), waited=asked.wait or False, kept=kept)
    if sent["reply"] is None:
        sent["detail"] = text  # Claude Code shows its model the structured content alone
    return CallToolResult(content=[TextContent(text=text)], structured_content=dict(sent))


def _parsed(arguments: dict[str, Any]) -> SendToPeer:
    """The arguments, or Usage that names the one that does not fit and never quotes it."""
    if (unknown := unknown_key(SendToPeer, arguments)) is not None:
        known = ", ".join(INPUT["properties"])
        raise Usage(f"There is no argument {unknown}: they are {known}. Nothing was sent.", code="bad-request")
    try:
        return SendToPeer.model_validate(arguments)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise Usage(f"The argument {name}: {first['msg']}. Nothing was sent.", code="bad-request") from None


def _refused(sentence: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=sentence)], is_error=True)


def _wish(asked: SendToPeer, wait_s: float) -> Send:
    return Send(
        to=asked.personality, body=asked.message, runtime=asked.runtime, topic=asked.topic, re=asked.re,
        attachments=asked.attachments or [], wait="reply" if asked.wait else None,
        timeout_s=wait_s if asked.wait else None,
    )  # fmt: skip
