"""One MCP tool call on a kept connection, from the bytes of the request to those of the result.

Ours is a call of send_to_peer that is refused, for there is no such peer: with everything on the way to the decision
and nothing of the delivery, which has rows of its own.
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
from tests.daemon.tools import token_of
from tests.harness import Root, wait_for
from tests.mcp.tools import port_of

PROGRAM = Path(__file__).parent.parent / "programs" / "floor_mcp.py"
TARGET = Target(ratio=1.3, why="ours finds out who asks and whom for: token, peers and a profile, from SQLite and disk")
MEMORY = Target(at_most=120)
MB = 1 << 20


def run() -> list[Line]:
    """Measure."""
    with _floor() as port, house(0) as root:
        agent = live_peer(root, "caller")
        return _measure(port, root, token_of(agent), 1500)


def _measure(bare: int, root: Root, token: str, n: int) -> list[Line]:
    echo = _call("", "echo", {"text": "There is no peer 'nobody'."})
    send = _call(token, "send_to_peer", {"personality": "nobody", "message": "hello"})
    with Web(bare) as one, Web(port_of(root)) as other:
        assert b"no peer" in other.ask(send)
        floor, ours = in_turns(n, timed(lambda: one.ask(echo)), timed(lambda: other.ask(send)), warm=200)
    assert root.daemon is not None
    memory = psutil.Process(root.daemon.pid).memory_full_info().pss / MB
    return [
        Line("mcp", "tools/call of send_to_peer, refused", floor, ours, "ms", n, TARGET),
        Line("mcp", "PSS of the daemon with MCP loaded", None, memory, "MB", 1, MEMORY),
    ]


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
def _floor() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with subprocess.Popen([sys.executable, str(PROGRAM), str(port)]) as process:
        try:
            wait_for(lambda: _listens(port) or process.poll(), "the floor to listen")
            yield port
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
