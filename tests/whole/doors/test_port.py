"""The loopback port before another user of this machine: who has it, who may call it, and what a token is worth."""

from __future__ import annotations

import http.client
import json
import shlex
import ssl
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from iapeer.api.tls import HANDSHAKES
from tests.harness import Agent, Root, throw_away_root, wait_for
from tests.whole.daemon.tools import ask_as, token_of
from tests.whole.doors.otheruser import UID, as_other_user, takes_port
from tests.whole.mcp.tools import Caller, ask_tcp, bearer, operator_token, port_of

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}

# Asks each thing that it reads, and checks no certificate: whoever steals has no scruples.
ASKS = r"""
import http.client, json, ssl, sys
port, asked = json.loads(sys.stdin.readline())
for method, path, headers, body in asked:
    link = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=ssl._create_unverified_context())
    link.request(method, path, body, headers)
    answer = link.getresponse()
    print(json.dumps([answer.status, json.loads(answer.read())]), flush=True)
"""

# Connects and says nothing.
HOLDS = """
import socket, sys
port = int(sys.stdin.readline())
held = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
print(len(held), flush=True)
sys.stdin.read()
"""

# What an agent's program does: it trusts what it was told to trust, and shows its token.
CALLS = """
import http.client, json, os, ssl
trust = ssl.create_default_context(cafile=os.environ["FAKE_CA_CERTS"])
link = http.client.HTTPSConnection("127.0.0.1", {port}, timeout=20, context=trust)
link.request("POST", "/mcp", "from the agent", {{"Authorization": "Bearer " + os.environ["IAPEER_TOKEN"]}})
print(link.getresponse().read())
"""


@pytest.fixture(scope="module")
def house() -> Iterator[Root]:
    """A root with its daemon running, for the tests that do not kill it."""
    with throw_away_root() as made:
        made.start()
        yield made


def _live(root: Root, name: str) -> Agent:
    agent = root.peer(name)
    root.call("POST", f"/peers/{name}/start", {})
    return agent


def test_a_stolen_token_is_worthless_to_another_user(house: Root) -> None:
    """The operator's and a live session's, for every door: 403 by whose the socket is, before anything is looked at."""
    port, alice = port_of(house), _live(house, "alice")
    send = json.dumps({"to": "alice", "body": "from a thief"})
    asked = [
        (method, path, bearer(token), body)
        for token in (operator_token(house), token_of(alice), "0" * 64)
        for method, path, body in (
            ("GET", "/fleet/v1/peers", None), ("POST", "/fleet/v1/send", send), ("POST", "/mcp", json.dumps(PING)),
            ("GET", "/nothing", None),
        )
    ]  # fmt: skip
    answers = _ask_as_other_user(port, asked)
    assert [status for status, _ in answers] == [403] * len(asked)
    codes = {(answer["error"].get("data") or answer["error"])["code"] for _, answer in answers}
    assert codes == {"other-user"}
    assert alice.bodies() == []
    assert ask_tcp(port, "GET", "/fleet/v1/peers", None, **bearer(operator_token(house)))[0] == 200
    assert Caller(port, token_of(alice), alice).post(PING)[0] == 200


def _ask_as_other_user(port: int, asked: list[tuple[str, str, dict[str, str], str | None]]) -> list[tuple[int, Any]]:
    with as_other_user(ASKS) as process:
        said, _ = process.communicate(json.dumps([port, asked]) + "\n", timeout=60)
    return [json.loads(line) for line in said.splitlines()]


def test_another_users_handshakes_keep_nobody_out(house: Root) -> None:
    """Of hundreds of connections that never say a word few are kept, and ours is answered."""
    port = port_of(house)
    with as_other_user(HOLDS) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{port}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "300\n"
        assert ask_tcp(port, "GET", "/fleet/v1/peers", None, **bearer(operator_token(house)))[0] == 200
        assert 0 < _connections(house, port) <= HANDSHAKES + 1  # ours came after the others
        process.kill()


def _connections(root: Root, port: int) -> int:
    assert root.daemon is not None
    links = psutil.Process(root.daemon.pid).net_connections("tcp")
    return sum(link.status == psutil.CONN_ESTABLISHED and link.laddr.port == port for link in links)


def test_nobody_speaks_to_us_in_plain(house: Root) -> None:
    """HTTP without TLS is not answered, and a client that trusts others does not speak to us."""
    port = port_of(house)
    plain = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with pytest.raises(OSError, match=r"reset|closed|without response"):
        plain.request("GET", "/fleet/v1/peers", headers=bearer(operator_token(house)))
        plain.getresponse()
    plain.close()
    suspicious = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        suspicious.request("GET", "/fleet/v1/peers")
    suspicious.close()


def test_who_takes_the_port_is_told_nothing_and_named(root: Root) -> None:
    """The agent finds out before its token is shown; status, verify and event name who has the port; the token is void
    on the port that serves, and `iapeer send` goes on.
    """
    root.start()
    port, alice, bob = port_of(root), _live(root, "alice"), root.peer("bob")
    token = token_of(alice)
    root.kill()
    with takes_port(port) as taker:
        root.start()
        said = root.base / "said"
        (root.base / "calls.py").write_text(CALLS.format(port=port))
        call = shlex.join([sys.executable, f"{root.base}/calls.py"])
        root.send("alice", f"@@TOOL {call} >{said} 2>&1@@", wait="done")
        wait_for(taker.knocked, "the agent to have called")
        assert "CERTIFICATE_VERIFY_FAILED" in said.read_text()
        assert taker.heard() == []
        _is_named(root, port, taker.pid)
        status, answer = Caller(port_of(root), token, alice).post(PING)
        assert (status, answer["error"]["data"]["code"]) == (401, "bad-token")
        assert ask_tcp(port_of(root), "GET", "/fleet/v1/peers", None, **bearer(token))[0] == 401
        assert ask_as(root, token, "/send", {"to": "bob", "body": "still here", "wait": "done"})["state"] == "done"
        assert bob.bodies() == ["still here"]
        careless = http.client.HTTPSConnection("127.0.0.1", port, context=ssl._create_unverified_context())
        careless.request("GET", "/", headers=bearer("a secret"))
        wait_for(taker.heard, "who checks nothing to be heard")
        careless.close()
    root.kill()
    root.start()
    assert Caller(port_of(root), token, alice).post(PING)[0] == 200


def _is_named(root: Root, port: int, pid: int) -> None:
    daemon = root.call("GET", "/status")["daemon"]
    assert daemon["taken"] == {"port": port, "uid": UID, "pid": pid}
    assert daemon["deaf"] == ["fake-alice"]
    (event,) = root.events("port_taken")
    for text in (event["holder"], root.cli("status").stdout, root.cli("verify").stdout):
        assert f"process {pid} of the user with number {UID}" in text
    assert f"PORT {port} IS TAKEN" in root.cli("status").stdout


def test_another_certificate_makes_deaf(root: Root) -> None:
    """One that was lost is made anew: who trusts the old one is told of, and its token is void on the port."""
    root.start()
    port, alice = port_of(root), _live(root, "alice")
    root.kill()
    (root.base / "root" / "state" / "port-key.pem").unlink()
    root.start()
    assert port_of(root) == port
    assert root.call("GET", "/status")["daemon"]["deaf"] == ["fake-alice"]
    assert Caller(port, token_of(alice), alice).post(PING)[0] == 401
    root.call("POST", "/peers/alice/new", {})
    assert Caller(port, token_of(alice), alice).post(PING)[0] == 200
