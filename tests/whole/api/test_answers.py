"""Answers have exactly the shapes of `iapeer.api`: no field more, none less, in the middle of real life."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from pydantic import TypeAdapter
from starlette.responses import Response

from iapeer.api.app import ENDPOINTS
from iapeer.api.web import Endpoint, Json
from tests.harness import Root, wait_for
from tests.whole.api.raw import request
from tests.whole.daemon.tools import ask_as, token_of

SHAPES = {one.id: TypeAdapter(one.answer) for one in ENDPOINTS if one.answer is not Response}


def endpoint_of(method: str, path: str) -> Endpoint:
    """The endpoint that a request reaches."""
    plain = path.partition("?")[0]
    fits = [one for one in ENDPOINTS if re.fullmatch(one.path.replace("{name}", "[^/]+"), plain)]
    return min((one for one in fits if one.method == method), key=lambda one: "{" in one.path)


def test_every_endpoint_answers_in_its_shape(fleet: Root) -> None:
    """A conversation between two peers, one of which sleeps, fails and is removed: each endpoint, at its best."""
    seen: set[str] = set()

    def ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = request(fleet, method, path, None if body is None else json.dumps(body).encode())
        assert answer.status == 200, (method, path, answer.body)
        assert answer.headers["content-type"] == "application/json"
        one = endpoint_of(method, path)
        seen.add(one.id)
        SHAPES[one.id].validate_python(answer.json())
        return answer.json()

    alpha = fleet.peer("alpha")
    (fleet.base / "beta").mkdir()
    ask("POST", "/peers", {"dir": str(fleet.base / "beta"), "runtime": "fake", "description": "Reads."})
    ask("PATCH", "/peers/beta", {"fields": {"idle_secs": 60, "model": None}})
    ask("POST", "/peers/beta/runtimes", {"runtime": "fake"})
    ask("POST", "/peers/beta/trust", {})
    sent = ask("POST", "/send", {"to": "alpha", "body": "hello", "wait": "reply", "topic": "a", "key": "k"})
    assert sent["reply"]["body"]
    ask("POST", "/send/batch", {"messages": [{"to": "alpha", "body": "one"}, {"to": "alpha", "body": "two"}]})
    assert ask("GET", f"/messages/{sent['id']}")["reply"]
    assert ask("GET", f"/sessions/{sent['session']}")["ended_ms"] is None
    assert ask("GET", "/peers/alpha/inbox")["rows"]
    ask("GET", "/peers/operator/inbox")
    ask("GET", "/peers/alpha/wait?state=idle")
    ask("POST", "/peers/alpha/answer", {"text": "a draft"})
    wait_for(lambda: ask("GET", "/peers/alpha")["peer"]["runtimes"][0]["blocked_on"], "the draft to be seen")
    ask("GET", "/peers/alpha/screen")
    ask("POST", "/peers/alpha/attach", {"read_only": True})
    for verb in ("new", "refresh", "stop", "start", "compact"):
        ask("POST", f"/peers/alpha/{verb}", {})
    ask("POST", "/send", {"to": "alpha", "body": "@@SLOW 60@@", "wait": "delivered"})
    ask("POST", "/peers/alpha/interrupt", {})
    own = ask_as(fleet, token_of(alpha), "/self", {"verb": "fresh"})
    SHAPES["post_self"].validate_python(own)
    SHAPES["get_self"].validate_python(ask_as(fleet, token_of(alpha), "/self", {}, "GET"))
    seen.update(("post_self", "get_self"))
    ask("POST", "/peers/beta/launch", {"runtime": "fake"})
    ask("POST", "/peers/beta/stop", {})
    assert ask("GET", f"/sessions/{ask('GET', '/peers/beta')['last_session']['id']}")["ended_ms"]
    (fleet.base / "beta").rename(fleet.base / "moved")
    assert ask("GET", "/peers/beta")["profile"] is None
    assert ask("GET", "/verify")["problems"]
    ask("POST", "/peers/beta/move", {"dir": str(fleet.base / "moved")})
    for path in ("peers", "snapshot", "status", "runtimes", "runtimes/fake", "events?limit=10000", "openapi.json"):
        ask("GET", f"/{path}")
    ask("DELETE", "/peers/alpha?force=1")
    ask("POST", "/daemon/stop", {})
    assert seen == set(SHAPES)


@pytest.mark.parametrize("text", ["ünï", "\ud83d", "a\0b", "\u2028", "😀"])
def test_any_text_can_be_answered(text: str) -> None:
    """Also half a surrogate pair, which an agent's own record may hold: the answer is JSON that means the same."""
    assert json.loads(bytes(Json({"text": text}).body)) == {"text": text}
