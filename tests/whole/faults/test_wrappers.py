"""The program on PATH is a script that starts the real one and stays: the agent is the process below it."""

from __future__ import annotations

import json
import shlex
import signal
import sys
from pathlib import Path

import psutil
import pytest

from iapeer.model.states import FINAL
from tests.harness import REPO, Agent, Root, wait_for
from tests.whole.faults.kit import asleep, frames, live, nothing_left, session, waits

AGENT = f'{shlex.quote(sys.executable)} {REPO}/fixtures/fake_agent.py "$@"'
SH = f"#!/bin/sh\nexport EXTRA=1\n{AGENT}\nexit $?\n"
BASH = f"#!/bin/bash\n{AGENT}\nexit $?\n"
PYTHON = f"""#!{sys.executable}
import subprocess, sys
sys.exit(subprocess.call([sys.executable, {str(REPO / "fixtures" / "fake_agent.py")!r}, *sys.argv[1:]]))
"""
TWO = f'#!/bin/sh\nbash -c {shlex.quote(AGENT + "; exit $?")} inner "$@"\nexit $?\n'
JOBS = f"#!/bin/bash\nset -m\n{AGENT}\nexit $?\n"
MOVES = f'#!/bin/bash\nexport FAKE_HOME="$FAKE_HOME/own"\n{AGENT}\nexit $?\n'
BECOMES = f'#!/bin/bash\nexport FAKE_HOME="$FAKE_HOME/own"\nexec {AGENT}\n'
KINDS = {
    "sh": SH, "bash": BASH, "python": PYTHON, "two deep": TWO, "with job control": JOBS,
    "in a home of its own": MOVES, "exec, in a home of its own": BECOMES,
}  # fmt: skip


def wrapped(root: Root, text: str) -> Agent:
    """A peer whose program is this script."""
    path = root.base / "iapeer-fake-agent"
    path.write_text(text)
    path.chmod(0o755)
    return root.peer("alice")


def blocked_on(root: Root) -> str | None:
    """What keeps alice from taking input."""
    why = root.runtime("alice").get("blocked_on")
    return why["reason"] if why else None


@pytest.mark.parametrize("text", KINDS.values(), ids=KINDS.keys())
def test_a_wrapped_agent_works(fleet: Root, text: str) -> None:
    """Messages are delivered by the agent's own live state; stop ends the agent in order, and all else."""
    alice = wrapped(fleet, text)
    first = live(fleet, alice)
    live(fleet, alice, "second")
    assert psutil.Process(alice.pid).cmdline()[1] == f"{REPO}/fixtures/fake_agent.py"
    assert not fleet.events("degraded", "dialog", "actor_error")
    (state,) = alice.home.rglob("state/*.json")
    assert state.stem == str(alice.pid)
    fleet.cli("stop", "alice", check=True)
    ended = session(fleet, first["session"])
    assert (ended["end_cause"], ended["exit_code"], ended["signal"]) == ("stop", 143, None)
    assert not state.exists()
    nothing_left(fleet)


@pytest.mark.parametrize(("word", "code"), [("EXIT 3", 3), ("CRASH", 128 + signal.SIGKILL)])
def test_the_wrapper_says_how_it_ended(fleet: Root, word: str, code: int) -> None:
    """Its exit code is the session's; the next message wakes another."""
    alice = wrapped(fleet, BASH)
    first = live(fleet, alice)
    assert fleet.send("alice", f"@@{word}@@", wait="done")["state"] == "failed"
    asleep(fleet, alice)
    ended = session(fleet, first["session"])
    assert (ended["end_cause"], ended["exit_code"], ended["signal"]) == ("exit", code, None)
    nothing_left(fleet)
    assert live(fleet, alice, "second")["woke"]


def test_a_wrapped_turn_is_interrupted(fleet: Root) -> None:
    """By the key, as any."""
    alice = wrapped(fleet, SH)
    live(fleet, alice)
    slow = fleet.send("alice", "@@SLOW 60@@", wait="delivered")
    fleet.call("POST", "/peers/alice/interrupt", {})
    assert fleet.until(slow["id"], *FINAL)["row"]["error"] == "interrupted"


@pytest.mark.parametrize("text", [BASH, PYTHON, MOVES], ids=["bash", "python", "in a home of its own"])
def test_a_wrapped_agent_is_found_again(fleet: Root, text: str) -> None:
    """The daemon is killed in mid-turn: the next one follows the same process, and each message is one turn."""
    alice = wrapped(fleet, text)
    first = live(fleet, alice)
    pid = alice.pid
    slow = fleet.send("alice", "@@SLOW 2@@", wait="delivered")
    fleet.kill()
    fleet.start()
    assert fleet.until(slow["id"], *FINAL)["row"]["state"] == "done"
    assert live(fleet, alice, "after")["session"] == first["session"]
    assert alice.pid == pid
    assert turns(alice) == 3
    assert not fleet.events("degraded")
    fleet.cli("stop", "alice", check=True)
    nothing_left(fleet)


def turns(agent: Agent) -> int:
    """How many turns its records hold, wherever its home is."""
    lines = [line for file in agent.home.rglob("conversations/*.jsonl") for line in file.read_text().splitlines()]
    return [json.loads(line)["type"] for line in lines].count("user")


RUNS = 'import os\nfor line in iter(input, "exit"): os.system(line)'
ENDS = {
    "a shell": f"#!/bin/sh\n{AGENT}\nsh\n",
    "its own question": f'#!/bin/bash\n{AGENT}\nwhile read -r line; do eval "$line"; done\n',
    "a program of the agent's name": f"#!/bin/sh\n{AGENT}\n{shlex.quote(sys.executable)} -c {shlex.quote(RUNS)}\n",
}


@pytest.mark.parametrize("text", ENDS.values(), ids=ENDS.keys())
def test_what_reads_after_the_agent_gets_nothing(fleet: Root, text: str) -> None:
    """The agent has ended, its wrapper goes on at the terminal: the message waits, and nothing is typed."""
    alice = wrapped(fleet, text)
    live(fleet, alice)
    alice.tmux("send-keys", "-t", "main:", "/exit", "Enter")
    wait_for(lambda: blocked_on(fleet) == "not-the-agent", "the daemon to see it")
    trap = fleet.base / "trap"
    sent = fleet.send("alice", f"\ntouch {trap}\n")
    waits(fleet, sent["id"], "not-the-agent")
    assert not trap.exists()
    assert "touch" not in alice.screen()
    alice.tmux("send-keys", "-t", "main:", "exit", "Enter")
    fleet.until(sent["id"], "done")
    assert not trap.exists()
    assert len(frames(alice.typed())) == 2


def test_an_agent_that_became_a_shell_below_its_wrapper_gets_nothing(fleet: Root) -> None:
    """Its process is the same, its program is not."""
    alice = wrapped(fleet, BASH)
    live(fleet, alice)
    pid = alice.pid
    alice.tmux("send-keys", "-t", "main:", "@@SHELL@@", "Enter")
    wait_for(lambda: any("sh" in Path(word).name for word in psutil.Process(pid).cmdline()[:1]), "the shell")
    trap = fleet.base / "trap"
    sent = fleet.send("alice", f"\ntouch {trap}\n")
    waits(fleet, sent["id"], "not-the-agent")
    assert not trap.exists()
    assert "touch" not in alice.screen()
    fleet.cli("stop", "alice", check=True)
    nothing_left(fleet)


def test_a_wrapper_that_asks_first_is_named(fleet: Root) -> None:
    """Nothing is typed into its question and no dialog is told of; once it is answered the message is delivered."""
    asks = '[ "$1" = --version ] || read -rp "Which account? " account'
    alice = wrapped(fleet, f"#!/bin/bash\n{asks}\n{AGENT}\nexit $?\n")
    sent = fleet.send("alice", "hello")
    assert wait_for(lambda: blocked_on(fleet), "the start to wait") == "not-the-agent"
    assert fleet.send("alice", "more")["reason"] == "not-the-agent"
    assert "bash has its terminal" in fleet.cli("start", "alice").stderr
    assert [event["reason"] for event in fleet.events("blocked")] == ["not-the-agent"]
    assert alice.screen().strip() == "Which account?"
    alice.tmux("send-keys", "-t", "main:", "mine", "Enter")
    assert fleet.until(sent["id"], "done")
