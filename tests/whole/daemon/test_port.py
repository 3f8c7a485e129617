"""The port of a root when somebody else has taken it: who went deaf, and how it heals."""

from __future__ import annotations

import contextlib
import shlex
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.harness import Root, wait_for
from tests.whole.daemon.tools import token_of
from tests.whole.mcp.tools import Caller, port_of

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@contextlib.contextmanager
def _taken(port: int) -> Iterator[None]:
    """Another program on the port, which answers nobody."""
    with contextlib.closing(socket.socket()) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        yield


def _deaf(root: Root) -> list[str]:
    deaf = root.call("GET", "/status")["daemon"]["deaf"]
    told = [problem["message"] for problem in root.call("GET", "/verify")["problems"]]
    assert [who for who in ("fake-alice", "fake-bob") if any(f"{who} was launched" in line for line in told)] == deaf
    return list(deaf)


def test_a_taken_port_is_told_and_heals(root: Root) -> None:
    """Event, status and verify name the deaf; new sessions get the port that serves; the recorded one comes back."""
    root.start()
    first = port_of(root)
    alice, bob = root.peer("alice"), root.peer("bob")
    root.call("POST", "/peers/alice/start", {})
    assert _deaf(root) == []
    root.kill()
    with _taken(first):
        root.start()
        now = port_of(root)
        assert now != first
        (event,) = root.events("port_taken")
        assert (event["recorded"], event["port"], event["deaf"]) == (first, now, "fake-alice")
        assert _deaf(root) == ["fake-alice"]
        assert str(first) in root.cli("verify").stdout
        assert "fake-alice" in root.cli("status").stdout
        root.call("POST", "/peers/bob/start", {})
        assert _deaf(root) == ["fake-alice"]
        assert Caller(now, token_of(bob), bob).post(PING)[0] == 200
        root.kill()
    root.start()
    assert port_of(root) == first
    assert _deaf(root) == ["fake-bob"]
    (event,) = root.events("port_back")
    assert event["deaf"] == "fake-bob"
    assert Caller(first, token_of(alice), alice).post(PING)[0] == 200
    root.call("POST", "/peers/bob/new", {})
    assert _deaf(root) == []


def test_a_deaf_session_still_sends(root: Root) -> None:
    """With its port taken by a program that answers nobody, `iapeer send` in the session reaches the other peer."""
    root.start()
    first = port_of(root)
    root.peer("alice")
    bob = root.peer("bob")
    root.call("POST", "/peers/alice/start", {})
    root.kill()
    with _taken(first):
        root.start()
        said = Path(f"{root.base}/said")
        command = f"{shlex.quote(sys.executable)} -m iapeer send bob 'still here' >{said} 2>&1"
        root.send("alice", f"@@TOOL {command}@@", wait="done")
        wait_for(bob.bodies, said.read_text())
        assert [(turn.sender, turn.body) for turn in bob.turns()] == [("alice", "still here")]
