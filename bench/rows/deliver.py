"""From the request to the first byte in an idle agent's terminal, the message durable before it is typed.

Floor: a throw-away daemon (a line on a unix socket, fdatasync, a control client by hand). Ours: the real daemon over
HTTP. Both agents are the same program, which stamps the first byte it reads.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import raw
from bench.house import CARELESS, REPO, agent_binary, first_stamp, house, live_peer, wait_idle
from bench.measure import Line, Target, in_turns
from bench.web import Web
from tests.harness import Agent, Root, wait_for

BODY = "A message of a hundred bytes, or nearly so: what is on your list for today, and what can wait a bit?"
TARGET = Target(
    ratio=2.0,
    why="between the request and the paste ours commits twice (the message, and the lease before the first byte; the "
    "floor once), speaks HTTP, and looks at the whole screen, so that nothing is typed into a draft or a dialog",
)


def run() -> list[Line]:
    """Measure."""
    with raw.scratch() as folder, _floor_agent(folder) as home, _floor(folder) as link, house(0) as root:
        agent = live_peer(root, "bench", CARELESS)
        with Web(root.socket) as web:
            n = 100
            floor, ours = in_turns(n, lambda: _by_hand(link, home), lambda: _ours(web, root, agent), warm=5)
            return [Line("deliver", "request to first byte in the terminal", floor, ours, "ms", n, TARGET)]


@contextlib.contextmanager
def _floor_agent(folder: Path) -> Iterator[Path]:
    home = folder / "home"
    program = ["env", f"FAKE_HOME={home}", str(agent_binary(folder)), CARELESS]
    with raw.server(folder / "pane.sock", program):
        wait_for(lambda: list(home.glob("state/*.json")), "the floor's agent")
        yield home


@contextlib.contextmanager
def _floor(folder: Path) -> Iterator[socket.socket]:
    argv = [sys.executable, "-m", "bench.programs.floor_daemon", str(folder), "0"]
    with subprocess.Popen(argv, cwd=REPO, env={**os.environ}) as process, socket.socket(socket.AF_UNIX) as link:
        try:
            path = folder / "floor.sock"
            wait_for(lambda: link.connect_ex(str(path)) == 0 or process.poll(), "the floor's daemon")
            yield link
        finally:
            process.kill()


def _by_hand(link: socket.socket, home: Path) -> float:
    began = time.monotonic_ns()
    link.sendall(BODY.encode() + b"\n")
    link.recv(16)
    first = first_stamp(home, "byte", began)
    first_stamp(home, "submit", began)
    time.sleep(0.02)  # its turn, an echo
    return (first - began) / 1e6


def _ours(web: Web, root: Root, agent: Agent) -> float:
    began = time.monotonic_ns()
    answer = web.post("/send", {"to": agent.name, "body": BODY})
    assert answer["outcome"] == "delivered", answer
    first = first_stamp(agent.home, "byte", began)
    root.until(answer["id"], "done")
    wait_idle(root, agent.name)
    return (first - began) / 1e6
