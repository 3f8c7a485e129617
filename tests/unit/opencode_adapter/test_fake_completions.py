"""The fake Chat Completions API speaks as the real ones do."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from fixtures.fake_completions import FakeCompletions

TOOLS = [{"type": "function", "function": {"name": "bash"}}]


@pytest.fixture
def api() -> Iterator[FakeCompletions]:
    """A server of its own."""
    with FakeCompletions() as server:
        yield server


def user(text: str) -> dict[str, Any]:
    """A user's message."""
    return {"role": "user", "content": text}


def ask(
    api: FakeCompletions, *messages: dict[str, Any], path: str = "chat/completions", **body: Any
) -> tuple[int, Any]:
    """A request as OpenCode makes it; status, and the events of the stream or the whole answer."""
    wish = {"model": "m", "tools": TOOLS, "stream": True, "messages": list(messages), **body}
    request = urllib.request.Request(f"{api.base}/{path}", json.dumps(wish).encode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read().decode()
            streamed = answer.headers["content-type"] == "text/event-stream"
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
    return 200, [
        json.loads(part.removeprefix("data: ")) for part in text.split("\n\n")[:-1]
    ] if streamed else json.loads(text)


def said(events: Any) -> str:
    """The streamed text."""
    return "".join(event["choices"][0]["delta"].get("content", "") for event in events)


def test_a_stream_has_the_right_shape(api: FakeCompletions) -> None:
    """A role, the text in pieces, a reason and the usage."""
    _, events = ask(api, {"role": "system", "content": "be kind"}, user("hello there"))
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert (events[-1]["choices"][0]["finish_reason"], events[-1]["usage"]["total_tokens"]) == ("stop", 110)
    assert said(events) == "ECHO: hello there"
    assert (api.requests[0].system, api.requests[0].tools, api.turns()) == ("be kind", ("bash",), ["hello there"])


def test_a_tool_call_and_its_result(api: FakeCompletions) -> None:
    """By its name, or an MCP server's by both; the result is answered in words and is no turn."""
    asked = user('@@TOOL iapeer/send {"to":"bob"}@@')
    _, events = ask(api, asked)
    (call,) = events[-2]["choices"][0]["delta"]["tool_calls"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("iapeer_send", {"to": "bob"})
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"
    result = {"role": "tool", "tool_call_id": call["id"], "content": "42"}
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    assert said(ask(api, asked, called, result)[1]) == "TOOLDONE"
    assert (api.requests[-1].kind, api.requests[-1].results, len(api.turns())) == ("tool-result", ("42",), 1)


def test_side_requests_are_told_apart(api: FakeCompletions) -> None:
    """A title is asked for without tools, a compaction in words of its own; elsewhere is nothing."""
    assert "title" in said(ask(api, user("Generate a title"), tools=[])[1])
    assert "summary" in said(ask(api, user("Create a new anchored summary of it"), tools=[])[1])
    assert ask(api, user("x"), path="elsewhere")[0] == 404
    assert [request.kind for request in api.requests] == ["side", "compact", "other"]
    assert api.turns() == []


def test_errors_and_whole_answers(api: FakeCompletions) -> None:
    """With the API's own body."""
    assert ask(api, user("@@ERR 400@@")) == (
        400,
        {"error": {"message": "a scripted 400", "type": "fake_error", "code": "fake_error"}},
    )
    _, whole = ask(api, user("hello"), stream=False)
    assert whole["choices"][0]["message"]["content"] == "ECHO: hello"
