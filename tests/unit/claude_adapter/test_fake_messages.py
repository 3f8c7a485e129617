"""The fake Messages API speaks as the real one does."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.fake_messages import FakeMessages

TOOLS = [{"name": "Bash"}, {"name": "Read"}]
PATH = "/v1/messages?beta=true"


@pytest.fixture
def api() -> Iterator[FakeMessages]:
    """A server of its own."""
    with FakeMessages() as server:
        yield server


def ask(
    api: FakeMessages, content: object, *, path: str = PATH, method: str = "POST", **body: Any
) -> tuple[int, dict[str, str], str]:
    """One request; status, headers and body."""
    request = {"model": "claude-x", "tools": TOOLS, "messages": [{"role": "user", "content": content}], **body}
    connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, json.dumps(request), {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


def parse_sse(text: str) -> list[dict[str, Any]]:
    """The events of a stream; each event's line must name its data's type."""
    found = []
    for block in text.split("\n\n")[:-1]:
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


def say(api: FakeMessages, content: object, **body: Any) -> str:
    """The text of a streamed answer."""
    events = parse_sse(ask(api, content, stream=True, **body)[2])
    return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")


def test_a_stream_has_the_right_shape(api: FakeMessages) -> None:
    """Start, one block in pieces, the stop reason, the end."""
    status, headers, text = ask(api, "hello there", stream=True)
    kinds = [event["type"] for event in parse_sse(text)]
    assert (status, headers["content-type"]) == (200, "text/event-stream")
    assert kinds[:3] == ["message_start", "ping", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[3:-3]) == {"content_block_delta"}
    assert say(api, "hello there") == "ECHO: hello there"


def test_the_last_line_of_a_body_is_echoed(api: FakeMessages) -> None:
    """Of an envelope, not its closing line."""
    assert say(api, "<iap>\n<message><![CDATA[one\ntwo]]></message>\n</iap>\n") == "ECHO: two"


def test_a_tool_call_and_its_result(api: FakeMessages) -> None:
    """The arguments come as JSON pieces; the result is answered in words and is no turn."""
    _, _, text = ask(api, 'do @@TOOL Bash {"command":"ls {a}"}@@', stream=True)
    events = parse_sse(text)
    start = next(e for e in events if e["type"] == "content_block_start" and e["index"] == 1)
    assert (start["content_block"]["type"], start["content_block"]["name"]) == ("tool_use", "Bash")
    pieces = "".join(e["delta"].get("partial_json", "") for e in events if e["type"] == "content_block_delta")
    assert json.loads(pieces) == {"command": "ls {a}"}
    assert next(e["delta"]["stop_reason"] for e in events if e["type"] == "message_delta") == "tool_use"
    result = {"type": "tool_result", "tool_use_id": "toolu_fake1", "content": "x"}
    assert say(api, [result]) == "TOOLDONE"
    assert len(api.turns()) == 1


def test_text_after_a_refused_tool_is_a_turn(api: FakeMessages) -> None:
    """Claude Code sends the refusal, the interrupt and the next prompt as one message."""
    blocks = ["[Request interrupted by user for tool use]", "<system-reminder>x</system-reminder>", "next"]
    content = [{"type": "tool_result", "content": "no"}, *({"type": "text", "text": text} for text in blocks)]
    assert say(api, content) == "ECHO: next"
    assert (api.turns(), api.requests[-1].texts) == (["next"], ("next",))


def test_without_streaming_the_answer_is_whole(api: FakeMessages) -> None:
    """The same content in one piece."""
    answer = json.loads(ask(api, "@@SAY one\ntwo@@")[2])
    assert (answer["content"], answer["stop_reason"]) == ([{"type": "text", "text": "one\ntwo"}], "end_turn")


@pytest.mark.parametrize(("code", "kind"), [(400, "invalid_request_error"), (529, "overloaded_error")])
def test_errors(api: FakeMessages, code: int, kind: str) -> None:
    """With the API's own body."""
    status, _, text = ask(api, f"@@ERR {code}@@", stream=True)
    assert (status, json.loads(text)["type"], json.loads(text)["error"]["type"]) == (code, "error", kind)


def test_an_error_for_some_tries(api: FakeMessages) -> None:
    """It passes; the repeats are one turn, and the same words said anew are another."""
    assert [ask(api, "@@ERR 529 2@@")[0] for _ in range(4)] == [529, 529, 200, 529]
    assert api.turns() == ["@@ERR 529 2@@"] * 2


def test_the_usage_limit(api: FakeMessages) -> None:
    """The headers from which Claude Code makes its message and its menu."""
    status, headers, _ = ask(api, "@@QUOTA 1893456000@@", stream=True)
    found = {key.removeprefix("anthropic-ratelimit-unified-"): value for key, value in headers.items()}
    assert (status, found["status"], found["reset"]) == (429, "rejected", "1893456000")
    assert found["representative-claim"] == "five_hour"


def test_delays(api: FakeMessages) -> None:
    """The first token and the rest come late as asked."""
    begun = time.monotonic()
    say(api, "@@FIRST 0.2@@ @@SLOW 0.2@@")
    assert time.monotonic() - begun >= 0.4


def test_leaving_ends_a_slow_answer() -> None:
    """A test need not wait for what it asked for."""
    with FakeMessages() as api:
        asker = threading.Thread(target=say, args=(api, "@@FIRST 60@@"))
        asker.start()
        while not api.requests:
            time.sleep(0.01)
        begun = time.monotonic()
    asker.join(5)
    assert not asker.is_alive()
    assert time.monotonic() - begun < 5


def test_side_requests_are_told_apart(api: FakeMessages) -> None:
    """A title is asked for without tools; counting, compacting, probing and nonsense are no turns either."""
    assert say(api, "<session>hello</session>", tools=[]) == '{"title": "A fake title"}'
    assert json.loads(ask(api, "x", path="/v1/messages/count_tokens?beta=true")[2]) == {"input_tokens": 100}
    assert "summary" in say(api, "Your task is to create a detailed summary of the conversation so far")
    assert [ask(api, "x", method=method, path="/")[0] for method in ("GET", "HEAD")] == [200, 200]
    assert ask(api, "x", path="/v1/elsewhere")[0] == 404
    assert ask(api, "x", messages=3)[0] == 400
    assert [request.kind for request in api.requests] == ["side", "count", "compact", "other"]
    assert api.turns() == []


def test_everything_asked_is_recorded(tmp_path: Path) -> None:
    """In memory and, where asked for, line by line in a file."""
    record = tmp_path / "asked.jsonl"
    with FakeMessages(record=record) as api:
        blocks = [{"type": "text", "text": "<system-reminder>r</system-reminder>"}, {"type": "text", "text": " hi\n"}]
        say(api, blocks, system=[{"type": "text", "text": "be kind"}])
        (request,) = api.requests
    assert (request.text, request.system, request.model, request.tools) == (
        " hi\n",
        "be kind",
        "claude-x",
        ("Bash", "Read"),
    )
    assert api.turns() == [" hi\n"]
    assert json.loads(record.read_text())["texts"] == [" hi\n"]
