"""One MCP tool call on a kept connection, from the bytes of the request to those of the result.

Ours is a call of send_to_peer that is refused, for there is no such peer: with everything on the way to the decision
and nothing of the delivery, which has rows of its own. Both sides speak TLS, as ours does to agents; a second row shows
what that costs.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from bench.house import house, live_peer
from bench.measure import Line, Target, in_turns, timed
from bench.web import Web
from tests.harness import wait_for
from tests.whole.daemon.tools import token_of
from tests.whole.mcp.tools import certificate_of, port_of, trust

PROGRAM = Path(__file__).parent.parent / "programs" / "floor_mcp.py"
TARGET = Target(ratio=1.3, why="ours finds out who asks and whom for: token, peers and a profile, from SQLite and disk")
PLAIN = Target(ratio=1.6, why="the port proves itself: TLS on every call")
MEMORY = Target(at_most=120)
MB = 1 << 20
CALLS = 1500


def run() -> list[Line]:
    """Measure."""
    with house(0) as root:
        agent = live_peer(root, "caller")
        port = port_of(root)
        send = _call(token_of(agent), "send_to_peer", {"personality": "nobody", "message": "hello"})
        certificate = Path(certificate_of(port))
        pair = [str(certificate), str(certificate.with_name("port-key.pem"))]
        with Web(port, trust(port)) as ours, _floor(*pair) as secret, _floor() as plain:
            with Web(secret, trust(port)) as floor:
                same = _measure("tools/call of send_to_peer, refused", floor, ours, send, TARGET)
            with Web(plain) as floor:
                without = _measure("the same, to a floor without TLS", floor, ours, send, PLAIN)
        assert root.daemon is not None
        memory = psutil.Process(root.daemon.pid).memory_full_info().pss / MB
        return [same, without, Line("mcp", "PSS of the daemon with MCP loaded", None, memory, "MB", 1, MEMORY)]


def _measure(what: str, floor: Web, ours: Web, send: bytes, target: Target) -> Line:
    echo = _call("", "echo", {"text": "There is no peer 'nobody'."})
    assert b"no peer" in ours.ask(send)
    bare, full = in_turns(CALLS, timed(lambda: floor.ask(echo)), timed(lambda: ours.ask(send)), warm=200)
    return Line("mcp", what, bare, full, "ms", CALLS, target)


def _call(token: str, tool: str, arguments: dict[str, Any]) -> bytes:
    params = {"name": tool, "arguments": arguments}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    lines = [
        "POST /mcp HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}", "Content-Type: application/json",
        "Accept: application/json, text/event-stream", "MCP-Protocol-Version: 2025-11-25",
        f"Content-Length: {len(body)}",
    ]  # fmt: skip
    return "\r\n".join([*lines, "", body]).encode()


@contextlib.contextmanager
def _floor(*pair: str) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with subprocess.Popen([sys.executable, str(PROGRAM), str(port), *pair]) as process:
        try:
            wait_for(lambda: _listens(port) or process.poll(), "the floor to listen")
            yield port
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
