"""What `/mcp` refuses: a clear sentence, and nothing stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import Root
from tests.whole.daemon.tools import token_of
from tests.whole.mcp.conftest import NewPeer
from tests.whole.mcp.tools import Caller, ask_tcp, count, operator_token

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.fixture(autouse=True)
def nothing_stored(house: Root, alice: Caller) -> Iterator[None]:
    """No test here may leave a message behind."""
    before = count(house)
    yield
    assert count(house) == before


def _call(name: str) -> dict[str, Any]:
    arguments = {"personality": name, "message": "hello"}
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "send_to_peer", "arguments": arguments},
    }


def test_who_shows_no_live_token_is_refused(house: Root, alice: Caller, new_peer: NewPeer) -> None:
    """No token, a wrong one, another scheme, and a dead session's: 401 with a sentence."""
    bob = new_peer()
    house.call("POST", f"/peers/{bob.name}/start", {})
    dead = token_of(bob)
    house.call("POST", f"/peers/{bob.name}/stop", {})
    for shown in ("", "Bearer", "Bearer 00", f"Basic {alice.token}", f"Bearer {dead}"):
        status, answer = alice.post(_call(alice.agent.name), Authorization=shown)
        assert (status, answer["id"]) == (401, None), shown
        assert answer["error"]["data"]["code"] in ("no-token", "bad-token")
        assert answer["error"]["message"].endswith(".")


def test_nobody_is_whom_a_header_claims(house: Root, alice: Caller, new_peer: NewPeer) -> None:
    """X-Peer-Identity beside another's token, without any, and beside the operator's: refused."""
    bob = new_peer()
    identity = f"fake-{bob.name}"
    status, answer = alice.post(_call(bob.name), **{"X-Peer-Identity": identity})
    assert status == 403
    assert identity in answer["error"]["message"]
    assert alice.post(_call(bob.name), **{"X-Peer-Identity": identity, "Authorization": ""})[0] == 401
    operator = f"Bearer {operator_token(house)}"
    assert alice.post(_call(bob.name), **{"X-Peer-Identity": identity, "Authorization": operator})[0] == 403
    own = f"fake-{alice.agent.name}"
    assert alice.post(PING, **{"X-Peer-Identity": own})[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:{port}", "127.0.0.1:1", ""])
def test_another_hosts_name_is_refused(alice: Caller, host: str) -> None:
    """DNS rebinding: 403 whatever the token."""
    status, answer = alice.post(_call(alice.agent.name), Host=host.format(port=alice.port))
    assert status == 403 or (status == 400 and not host)
    assert status == 400 or answer["error"]["data"]["code"] == "foreign-host"


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "http://localhost:3000", "http://127.0.0.1:{port}"])
def test_a_foreign_origin_is_refused(alice: Caller, origin: str) -> None:
    """A web page's request: 403 whatever the token, before the token is looked at."""
    origin = origin.format(port=alice.port)
    for token in (alice.token, "00"):
        status, answer = alice.post(PING, Origin=origin, Authorization=f"Bearer {token}")
        assert (status, answer["error"]["data"]["code"]) == (403, "foreign-origin")


def test_our_own_loopback_origin_is_no_web_page(alice: Caller) -> None:
    """The port's own origin may call it."""
    for name in ("127.0.0.1", "localhost"):
        own = f"{name}:{alice.port}"
        assert alice.post(PING, Origin=f"https://{own}", Host=own)[0] == 200


BAD: list[tuple[object, str]] = [
    ({}, "personality"),
    ({"personality": "NAME"}, "message"),
    ({"personality": "NAME", "message": 5}, "message"),
    ({"personality": ["NAME"], "message": "x"}, "personality"),
    ({"personality": "NAME", "message": "x", "wait": "true"}, "wait"),
    ({"personality": "NAME", "message": "x", "wait": 1}, "wait"),
    ({"personality": "NAME", "message": "x", "attachments": "/tmp/x"}, "attachments"),
    ({"personality": "NAME", "message": "x", "attachments": [1]}, "attachments.0"),
    ({"personality": "NAME", "message": "x", "attachments": ["/nowhere/at/all"]}, "/nowhere/at/all"),
    ({"personality": "NAME", "message": "x", "attachments": ["relative"]}, "relative"),
    ({"personality": "NAME", "message": "x", "attachments": ["/etc/hostname"]}, "/etc/hostname"),
    ({"personality": "NAME", "message": "x", "attachments": ["/tmp/x"] * 21}, "20"),
    ({"personality": "NAME", "message": "x", "urgent": True}, "personality, message, runtime"),
    ({"personality": "NAME", "message": "x" * 16_001}, "16001"),
    ({"personality": "NAME", "message": ""}, "empty"),
    ({"personality": "NAME", "message": "\u001b\u0000"}, "empty"),
    ({"personality": "NAME", "message": "x", "topic": "t" * 201}, "201"),
    ({"personality": "NAME", "message": "x", "topic": "a\nb"}, "topic"),
    ({"personality": "NAME", "message": "x", "re": "no-such-message"}, "no-such-message"),
    ({"personality": "NAME", "message": "x", "runtime": "codex"}, "it has fake"),
    ({"personality": "NAMEE", "message": "x"}, "did you mean NAME"),
    ({"personality": "SELF", "message": "x"}, "itself"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD, ids=[says for _, says in BAD])
def test_arguments_that_do_not_fit_are_refused(
    alice: Caller, new_peer: NewPeer, arguments: dict[str, Any], says: str
) -> None:
    """A tool error of one sentence that names what is wrong, and never quotes the message."""
    name = new_peer().name
    names = {"NAME": name, "NAMEE": f"{name}e", "SELF": alice.agent.name}
    if isinstance(arguments.get("personality"), str):
        arguments = {**arguments, "personality": names[arguments["personality"]]}
    result = alice.call(arguments)
    assert result["isError"] is True
    assert "structuredContent" not in result
    (content,) = result["content"]
    assert says.replace("NAME", name) in content["text"]
    assert "\n" not in content["text"]
    assert len(content["text"]) < 400


def test_another_tool_and_arguments_that_are_no_object(alice: Caller) -> None:
    """The protocol's own error: invalid parameters."""
    for params in ({"name": "send", "arguments": {}}, {"name": "send_to_peer", "arguments": [1]}, {}):
        _, answer = alice.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        assert answer["error"]["code"] == -32602
    _, answer = alice.post({"jsonrpc": "2.0", "id": 1, "method": "resources/list"})
    assert answer["error"]["code"] == -32601


def test_what_is_no_request(alice: Caller) -> None:
    """Broken JSON, a batch, deep nesting, too large a body, another content type, other methods: clear and bounded."""
    assert alice.post(b"{")[0] == 400
    assert alice.post([PING])[0] == 400
    assert alice.post(b"[" * 200_000)[0] == 400
    status, answer = alice.post(b" " * (1 << 20) + b"x")
    assert (status, answer["error"]["data"]["code"]) == (413, "too-large")
    assert alice.post(PING, **{"Content-Type": "text/plain"})[0] in (400, 415)
    for method in ("GET", "DELETE", "PUT"):
        status, _ = ask_tcp(
            alice.port, method, "/mcp", Authorization=f"Bearer {alice.token}", Accept="text/event-stream"
        )
        assert status == 405, method


def test_nothing_that_was_sent_is_in_the_log(house: Root, alice: Caller) -> None:
    """Whatever went wrong with it, neither the text nor the token is in what the daemon prints or logs."""
    secret = "the-secret-of-this-test"
    alice.post(f'{{"{secret}": '.encode())
    alice.post({"jsonrpc": "2.0", "id": [secret], "method": secret, "params": secret})
    alice.call({"personality": secret, "message": 5, secret: secret})
    alice.post(PING, Host=secret)
    alice.post(PING, Origin=f"http://{secret}")
    alice.post(PING, Authorization=f"Bearer {secret}")
    logs = house.base / "root" / "state" / "logs"
    for text in [house.said(), *(path.read_text() for path in logs.glob("*.log"))]:
        assert secret not in text
        assert alice.token not in text
    assert "Traceback" not in house.said()
