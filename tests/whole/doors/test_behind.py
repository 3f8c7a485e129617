"""Who stands behind a caller without a token: asked of its process and its ancestors, whatever it did to look free."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Agent, throw_away_root, wait_for

NAMELESS = "env -u IAPEER_TOKEN -u PEER_IDENTITY"
BARE = f"{NAMELESS} -u IAPEER_SESSION"  # nothing in its own environment names a session
_FORK = (
    "import os, sys; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
# The process that connects is gone before the request comes; its child asks.
_ORPHAN = """
import os, socket, sys, time
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
parent = os.getpid()
if os.fork():
    os._exit(0)
while os.getppid() == parent:
    time.sleep(0.001)
connection.sendall(b"GET /fleet/v1/peers HTTP/1.1\\r\\nHost: iapeer\\r\\nConnection: close\\r\\n\\r\\n")
answer = b""
while part := connection.recv(65536):
    answer += part
print(answer.decode())
"""


@pytest.fixture(scope="module")
def alice() -> Iterator[Agent]:
    """A live agent in a root where there is somebody to write to."""
    with throw_away_root() as root:
        root.start()
        made = root.peer("alice")
        root.peer("bob")
        root.send("alice", "hello", wait="done")
        yield made


def _said(alice: Agent, before: str, after: str = "") -> str:
    """What `iapeer send` says that the agent's tool runs between these words, once it has ended."""
    out, over = Path(f"{alice.folder}.out"), Path(f"{alice.folder}.over")
    out.unlink(missing_ok=True)
    over.unlink(missing_ok=True)
    script = alice.root.base / "send"
    script.write_text(f'#!/bin/sh\n{NAMELESS} "{sys.executable}" -m iapeer send bob pretending >{out} 2>&1\n>{over}\n')
    script.chmod(0o755)
    alice.root.send("alice", f"@@TOOL {before} {script} {after}@@", wait="done")
    wait_for(over.exists, "the command to end")
    return out.read_text()


@pytest.mark.parametrize(
    "before",
    [
        f"{BARE} setsid",  # its ancestors are all it has
        f"{NAMELESS} setsid -f",
        f"env -u IAPEER_TOKEN -u IAPEER_SESSION {shlex.quote(sys.executable)} -c {shlex.quote(_FORK)}",
        f"{NAMELESS} {shlex.quote(sys.executable)} -c {shlex.quote(_FORK)}",
        "tmux -S SOCKET run-shell -b",
        f"{BARE} tmux -S SOCKET run-shell -b",
        f"{BARE} tmux -S SOCKET new-window -d",
    ],
    ids=["descends", "setsid", "double fork, named", "double fork", "run-shell", "run-shell, bare", "new-window"],
)
def test_an_agent_is_no_operator_however_it_starts_a_process(alice: Agent, before: str) -> None:
    """It descends from the session or its tmux server, or was started with the session's environment: refused."""
    said = _said(alice, before.replace("SOCKET", alice.socket))
    assert "runs inside fake-alice and shows no token" in said
    assert not alice.root.events("accepted", peer="bob")


def test_a_job_of_the_tmux_server_with_an_empty_environment_is_refused(alice: Agent) -> None:
    """Only its ancestor, the server, says whose it is: it does not descend from the agent."""
    before = f"env -i tmux -S {alice.socket} run-shell -b 'env -i PATH=/usr/bin:/bin IAPEER_ROOT=$IAPEER_ROOT"
    said = _said(alice, before, "'")
    assert "runs inside fake-alice" in said


def test_who_cannot_be_asked_any_more_is_refused(alice: Agent) -> None:
    """The connection outlived the process that made it."""
    asked = subprocess.run(
        [sys.executable, "-c", _ORPHAN, str(alice.root.socket)], capture_output=True, text=True, check=True, timeout=60
    )
    assert asked.stdout.startswith("HTTP/1.1 401 ")
    assert "cannot be looked at" in asked.stdout


@pytest.mark.parametrize(
    "around",
    [
        {},
        {"IAPEER_SESSION": "of-another-root", "PEER_IDENTITY": "fake-alice", "IAPEER_TOKEN": "0" * 64},
        {"PEER_IDENTITY": "fake-nobody"},
        {"PEER_IDENTITY": "no identity"},
    ],
)
def test_the_operator_stays_the_operator(alice: Agent, around: dict[str, str]) -> None:
    """Also below a process of another root's session, as iapeer is developed with iapeer."""
    line = f'{BARE} "{sys.executable}" -m iapeer show alice --json; exit $?'
    env = {**alice.root.env, **around}
    asked = subprocess.run(["sh", "-c", line], env=env, capture_output=True, text=True, timeout=60)
    assert (asked.returncode, asked.stderr) == (0, "")


def test_an_ended_sessions_child_is_no_operator(alice: Agent) -> None:
    """What was left running outside of the terminal, with the environment of a session that is over."""
    ended = alice.root.call("GET", "/peers/alice")["last_session"]["id"]
    alice.root.call("POST", "/peers/alice/new", {})
    line = f'{BARE} "{sys.executable}" -m iapeer stop bob; exit $?'
    env = {**alice.root.env, "IAPEER_SESSION": ended}
    asked = subprocess.run(["sh", "-c", line], env=env, capture_output=True, text=True, timeout=60)
    assert asked.returncode == 3
    assert "runs inside fake-alice" in asked.stderr
