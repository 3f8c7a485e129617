"""The fake Responses API speaks as the real one does, and both model servers take a script."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from fixtures.fake_messages import FakeMessages
from fixtures.fake_responses import FakeResponses
from fixtures.model_script import Answer, FakeModel, Request, Tool

TOOLS = [
    {"type": "function", "name": "exec_command"},
    {"type": "namespace", "name": "mcp__x", "tools": [{"name": "y"}]},
]
TITLE = "Generate a concise, single-line task title"


@pytest.fixture
def api() -> Iterator[FakeResponses]:
    """A server of its own."""
    with FakeResponses() as server:
        yield server


def user(text: str) -> dict[str, Any]:
    """A user's message as an input item."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def post(url: str, body: dict[str, Any]) -> tuple[int, str]:
    """One request; status and body."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def ask(api: FakeResponses, *items: dict[str, Any], **body: Any) -> tuple[int, list[dict[str, Any]]]:
    """A request as Codex makes it; status, and the events of the stream or the error."""
    request = {"model": "m", "instructions": "base", "tools": TOOLS, "stream": True, "input": list(items), **body}
    status, text = post(f"{api.base}/responses", request)
    if status != 200:
        return status, [json.loads(text)]
    return status, [json.loads(block.partition("\ndata: ")[2]) for block in text.split("\n\n")[:-1]]


def said(events: list[dict[str, Any]]) -> str:
    """The streamed text."""
    return "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")


def test_a_stream_has_the_right_shape(api: FakeResponses) -> None:
    """Created, the item, its text in pieces, the item done, completed."""
    _, events = ask(api, user("hello there"))
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["response.created", "response.output_item.added"]
    assert kinds[-2:] == ["response.output_item.done", "response.completed"]
    assert said(events) == "ECHO: hello there"


def test_a_tool_call_and_its_result(api: FakeResponses) -> None:
    """By its name, or an MCP server's by its pair; the result is answered in words and is no turn."""
    _, events = ask(api, user('@@TOOL exec_command {"cmd":"ls {a}"}@@'))
    call = [event["item"] for event in events if event["type"] == "response.output_item.done"][-1]
    assert (call["type"], call["name"], json.loads(call["arguments"])) == (
        "function_call",
        "exec_command",
        {"cmd": "ls {a}"},
    )
    assert "namespace" not in call
    _, events = ask(api, user("@@TOOL x/y {}@@"))
    call = [event["item"] for event in events if event["type"] == "response.output_item.done"][-1]
    assert (call["namespace"], call["name"]) == ("mcp__x", "y")
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "42"}
    assert said(ask(api, user("@@TOOL x/y {}@@"), call, output)[1]) == "TOOLDONE"
    assert (api.requests[-1].kind, api.requests[-1].results, len(api.turns())) == ("tool-result", ("42",), 2)


def test_text_after_an_interrupted_tool_is_a_turn(api: FakeResponses) -> None:
    """What Codex adds itself is not what the user said."""
    output = {"type": "function_call_output", "call_id": "c", "output": "aborted"}
    ask(api, user("one"), output, user("<turn_aborted>\nx</turn_aborted>"), user("two"), user("<skill>\nx</skill>"))
    assert (api.turns(), api.requests[-1].text) == (["two"], "two")
    assert api.requests[-1].history == (("user", "one"), ("user", "two"))


def test_everything_asked_is_recorded(api: FakeResponses) -> None:
    """Instructions and developer messages, the conversation, the tools by their names."""
    developer = {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "be kind"}]}
    reply = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}
    ask(api, developer, user("<environment_context>x"), user("one"), reply, user("two"))
    (request,) = api.requests
    assert request.system == "base\nbe kind"
    assert request.history == (("user", "one"), ("assistant", "hi"), ("user", "two"))
    assert request.tools == ("exec_command", "x/y")


def test_side_requests_are_told_apart(api: FakeResponses) -> None:
    """A title is asked for without tools, a compaction in words of its own; elsewhere is nothing."""
    assert "title" in said(ask(api, user(TITLE), tools=[])[1])
    assert "summary" in said(ask(api, user("You are performing a CONTEXT CHECKPOINT COMPACTION."), tools=[])[1])
    assert post(f"{api.url}/elsewhere", {})[0] == 404
    assert [request.kind for request in api.requests] == ["side", "compact", "other"]
    assert api.turns() == []


def test_errors(api: FakeResponses) -> None:
    """With the API's own body; a usage limit with its reset; nonsense is refused."""
    status, (error,) = ask(api, user("@@ERR 500@@"))
    assert (status, error["error"]["message"]) == (500, "a scripted 500")
    status, (error,) = ask(api, user("@@QUOTA 1893456000@@"))
    assert (status, error["error"]["type"], error["error"]["resets_at"]) == (429, "usage_limit_reached", 1893456000)
    assert ask(api, user("@@TOOL x {@@"))[0] == 400
    assert ask(api, input=3)[0] == 400


@pytest.mark.parametrize("server", [FakeMessages, FakeResponses])
def test_a_script_answers_before_the_words(server: type[FakeModel]) -> None:
    """It sees turns and tool results; None leaves the answer to the words."""
    seen: list[Request] = []

    def script(request: Request) -> Answer | None:
        seen.append(request)
        return Answer(text="from the script", tool=Tool("ask", {"a": 1}, "peers")) if "script" in request.text else None

    with server() as api:
        api.script = script
        if isinstance(api, FakeResponses):
            bodies = [{"model": "m", "tools": TOOLS, "input": [user(text)]} for text in ("the script", "words")]
            answers = [post(f"{api.base}/responses", body)[1] for body in bodies]
            assert '"namespace": "mcp__peers"' in answers[0]
        else:
            messages = [[{"role": "user", "content": text}] for text in ("the script", "words")]
            bodies = [{"model": "m", "tools": TOOLS, "messages": one} for one in messages]
            answers = [post(f"{api.url}/v1/messages", body)[1] for body in bodies]
            assert '"mcp__peers__ask"' in answers[0]
    assert "from the script" in answers[0]
    assert "ECHO: words" in answers[1]
    assert [request.text for request in seen] == ["the script", "words"]
