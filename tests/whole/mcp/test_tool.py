"""send_to_peer, as an agent's program calls it: with the SDK's own client and a session's own token."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
import pytest
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from iapeer.api.mcp import INPUT, SendToPeer
from tests.harness import Root, wait_for
from tests.whole.daemon.tools import token_of
from tests.whole.faults.kit import background
from tests.whole.mcp.conftest import NewPeer
from tests.whole.mcp.tools import Caller, bearer, port_of, trust

T = TypeVar("T")


def _client(caller: Caller, act: Callable[[ClientSession], Awaitable[T]]) -> T:
    """Do something in a client's session, after its handshake."""

    async def run() -> T:
        url = f"https://127.0.0.1:{caller.port}/mcp"
        async with (
            httpx2.AsyncClient(
                headers=bearer(caller.token), timeout=60, trust_env=False, verify=trust(caller.port)
            ) as http,
            streamable_http_client(url, http_client=http) as (read, write),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await act(session)

    return asyncio.run(run())


def _send(caller: Caller, **arguments: Any) -> CallToolResult:
    async def call(session: ClientSession) -> CallToolResult:
        return await session.call_tool("send_to_peer", arguments)

    return _client(caller, call)


def _text(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def test_there_is_one_small_tool(alice: Caller) -> None:
    """What every agent has in its context for it stays below 1,600 characters, and says what may be given."""

    async def look(session: ClientSession) -> tuple[str, list[Any]]:
        assert session.instructions is not None
        return session.instructions, (await session.list_tools()).tools

    instructions, (tool,) = _client(alice, look)
    assert tool.name == "send_to_peer"
    shown = instructions + (tool.description or "") + str(tool.input_schema)
    assert len(shown) < 1600
    assert set(tool.input_schema["properties"]) == set(SendToPeer.model_fields) == set(INPUT["properties"])
    assert tool.annotations is not None
    assert (tool.annotations.destructive_hint, tool.annotations.open_world_hint) == (False, False)


def test_a_message_arrives_as_from_the_sessions_peer(house: Root, alice: Caller, new_peer: NewPeer) -> None:
    """The session's token is who sends; the far end's terminal has the message, with topic and sender."""
    bob = new_peer()
    result = _send(alice, personality=bob.name, message="from a tool", topic="release", runtime="fake")
    assert not result.is_error
    assert result.structured_content["id"] in _text(result)
    house.until(result.structured_content["id"], "done")
    (turn,) = bob.turns()
    assert (turn.sender, turn.runtime, turn.body, turn.topic) == (alice.agent.name, "fake", "from a tool", "release")


def test_what_send_says_is_what_the_tool_says(house: Root, alice: Caller, new_peer: NewPeer) -> None:
    """The structured result has the fields of `send --json`."""
    bob = new_peer()
    sent = house.send(bob.name, "by the API", wait="done")
    told = _send(alice, personality=bob.name, message="by the tool").structured_content
    assert set(told) == set(sent)
    assert told["outcome"] == "delivered"


def test_the_answer_is_waited_for(house: Root, alice: Caller, new_peer: NewPeer) -> None:
    """With `wait` the other agent's answer is the result, and is not typed to the asker again."""
    bob = new_peer()
    result = _send(alice, personality=bob.name, message="what do you say?", wait=True)
    reply = result.structured_content["reply"]
    assert (reply["from"], reply["body"]) == (bob.name, "ECHO: what do you say?")
    assert _text(result).endswith("ECHO: what do you say?")
    assert house.state(reply["id"]) == "done"
    assert alice.agent.bodies() == []


def test_an_answer_that_takes_too_long_comes_as_a_message(root: Root) -> None:
    """The wait ends without an error, says that the message goes on, and the answer is typed to the asker later."""
    root.start(IAPEER_MCP_WAIT_SECS="1")
    asker, late = root.peer("asker"), root.peer("late")
    root.call("POST", "/peers/asker/start", {})
    caller = Caller(port_of(root), token_of(asker), asker)
    gate = root.base / "gate"
    body = f"@@TOOL while [ ! -e {gate} ]; do sleep 0.05; done@@"
    result = _send(caller, personality="late", message=body, wait=True)
    assert not result.is_error
    assert "goes on" in _text(result)
    assert result.structured_content["reply"] is None
    gate.touch()
    wait_for(asker.turns, "the answer to come as a message")
    (turn,) = asker.turns()
    assert (turn.sender, turn.re) == ("late", result.structured_content["id"])
    assert late.bodies() == [body]


def test_a_question_that_failed_is_told_so(alice: Caller, house: Root, new_peer: NewPeer) -> None:
    """Who waits is not told that it was delivered, or is still to be proven, when nobody works on it any more."""
    bob, carol = new_peer(), new_peer()
    result = _send(alice, personality=bob.name, message="@@EXIT 1@@", wait=True)
    assert "ended failed" in _text(result)
    house.call("POST", f"/peers/{carol.name}/stop", {})
    call = background(lambda: _send(alice, personality=carol.name, message="never typed", wait=True))
    wait_for(lambda: house.call("GET", f"/peers/{carol.name}/inbox")["rows"], "the question")
    house.call("DELETE", f"/peers/{carol.name}", force=1)
    assert "ended dead" in _text(call())


def test_an_answer_names_what_it_answers(house: Root, alice: Caller, new_peer: NewPeer) -> None:
    """`re` makes a message the answer to another one."""
    asked = house.send(alice.agent.name, "a question", asks=True, wait="delivered")
    result = _send(alice, personality="operator", message="an answer", re=asked["id"])
    assert not result.is_error, _text(result)
    assert house.message(result.structured_content["id"])["message"]["re"] == asked["id"]


def test_attachments_are_copied(house: Root, alice: Caller, new_peer: NewPeer) -> None:
    """A file in the sender's folder is there for the other agent after the sender's is gone."""
    bob = new_peer()
    file = alice.agent.folder / "notes.txt"
    file.write_text("the notes")
    result = _send(alice, personality=bob.name, message="see the file", attachments=[str(file)])
    assert not result.is_error, _text(result)
    file.unlink()
    house.until(result.structured_content["id"], "done")
    (turn,) = bob.turns()
    (path,) = turn.attachments
    with open(path) as copy:  # noqa: PTH123 - the path as the agent has it
        assert copy.read() == "the notes"


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
def test_each_protocol_version_is_spoken(alice: Caller, version: str) -> None:
    """What a client asks for in its handshake it gets; no session is opened for it."""
    asked = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    status, answer = alice.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": asked})
    assert (status, answer["result"]["protocolVersion"]) == (200, version)
    assert answer["result"]["instructions"]
    assert alice.post({"jsonrpc": "2.0", "method": "notifications/initialized"})[0] == 202
