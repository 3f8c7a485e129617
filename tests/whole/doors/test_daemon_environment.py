"""The daemon lives with the operator's environment, whoever brings it back."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.harness import Agent, Root, wait_for

SECRET = "SECRET_OF_ALICE"
INSIDE = "inside a session"


@pytest.fixture
def alice(root: Root) -> Agent:
    """A live agent with a secret and a PATH of its own, under a daemon that the operator's command started."""
    root.cli("daemon", "start", check=True)
    agent = root.peer("alice", **{SECRET: "1", "PATH": f"{root.base}/evil:{root.env['PATH']}"})
    root.cli("start", "alice", check=True)
    assert psutil.Process(agent.pid).environ()[SECRET] == "1"
    return agent


def _daemon(root: Root) -> int:
    return int(root.call("GET", "/status")["daemon"]["pid"])


def _kill(root: Root) -> int:
    """Kill the daemon; its number."""
    pid = _daemon(root)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, "its death")
    return pid


def _kill_and_let_alice_run(root: Root, command: str) -> None:
    """The agent's own tool runs `command` once the daemon is dead."""
    sent = root.send("alice", f"@@TOOL sh -c 'while [ ! -e go ]; do sleep 0.05; done; {command}'@@")
    root.until(sent["id"], "running")
    _kill(root)
    (root.base / "alice" / "go").touch()


def test_an_agents_command_brings_it_back_with_the_operators_environment(root: Root, alice: Agent) -> None:
    """Neither the new daemon nor an agent that it launches has the secret or the PATH of the agent that asked."""
    operators = psutil.Process(_daemon(root)).environ()
    bob = root.peer("bob")
    _kill_and_let_alice_run(root, "exec iapeer send bob hello")
    wait_for(lambda: root.socket.exists() and bob.home.exists() and bob.turns(), "bob's message")
    brought_back = psutil.Process(_daemon(root)).environ()
    assert brought_back == operators | {name: brought_back[name] for name in ("LC_CTYPE",) if name in brought_back}
    launched = psutil.Process(bob.pid).environ()
    assert SECRET not in launched
    assert "/evil" not in launched["PATH"]


def _spoil(record: Path, how: str) -> None:
    if how == "remove":
        record.unlink()
    elif how == "break":
        record.write_text("{")
    else:
        record.chmod(0o666)


@pytest.mark.parametrize("spoil", ["remove", "break", "open"])
def test_without_the_operators_environment_an_agent_starts_none(root: Root, alice: Agent, spoil: str) -> None:
    """No file, no whole one, one that others may write: refused, with what to do; the operator's command works."""
    record = root.base / "root" / "state" / "daemon.env.json"
    assert record.stat().st_mode & 0o777 == 0o600
    session = psutil.Process(alice.pid).environ()
    _kill(root)
    _spoil(record, spoil)
    done = root.cli("send", "alice", "hello", check=False, **session)
    assert done.returncode == 3
    assert INSIDE in done.stderr and "iapeer daemon start" in done.stderr
    assert root.cli("daemon", "run", check=False, **session).returncode == 3
    assert root.cli("send", "alice", "hello", check=True).returncode == 0
    assert record.stat().st_mode & 0o777 == 0o600


def test_who_hides_the_session_is_known_by_the_processes_above(root: Root, alice: Agent) -> None:
    """`env -u`, `env -i`: the agent above tells. The daemon that is started so is refused as well."""
    said = Path(root.base / "alice" / "said")
    clean = f"env -i PATH=$PATH HOME=$HOME IAPEER_ROOT=$IAPEER_ROOT {SECRET}=2 iapeer"
    _kill_and_let_alice_run(root, f"{clean} daemon run > said 2>&1; {clean} list; touch done")
    wait_for((root.base / "alice" / "done").exists, "the agent's commands")
    assert INSIDE in said.read_text()
    assert SECRET not in psutil.Process(_daemon(root)).environ()
