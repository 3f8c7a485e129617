"""Commands that take over the terminal: attach and the folder launch; and keys for `answer`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from iapeer.cli.commands.answer import typed
from tests.unit.cli import answers
from tests.unit.cli.fake import Cli, Daemon


def _shown(argv: list[str], woke: bool = True) -> dict[str, Any]:
    return {"identity": "claude-alice", "session": "s1", "woke": woke, "argv": argv}


@pytest.fixture
def folder(cli: Cli, daemon: Daemon) -> Path:
    """A folder that is a peer of claude, and of nothing else."""
    made = cli.base / "alice"
    made.mkdir()
    there = answers.peer("alice", cwd=str(made))
    daemon.on("GET /peers", {"api": 1, "peers": [answers.peer("bob"), there]})
    daemon.on("GET /runtimes", {"runtimes": [answers.RUNTIME, {**answers.RUNTIME, "name": "codex"}]})
    daemon.on("POST /peers", answers.made(there))
    return made


def test_attach_becomes_the_command(cli: Cli, daemon: Daemon) -> None:
    """Its exit code is ours; tmux does not notice that we were inside another."""
    daemon.on("POST /peers/alice/attach", _shown(["sh", "-c", 'echo "shown:$TMUX:"; exit 5']))
    assert cli.terminal("attach", "alice", env={"TMUX": "/tmp/x,1,0"}) == (5, "shown::\n")
    assert [one.body for one in daemon.table.asked if one.method == "POST"] == [{"read_only": False}]


def test_attach_without_tmux(cli: Cli, daemon: Daemon) -> None:
    """One sentence."""
    daemon.on("POST /peers/alice/attach", _shown(["no-such-program"]))
    code, shown = cli.terminal("attach", "alice")
    assert code == 1
    assert shown.startswith("iapeer: no-such-program cannot be run (No such file or directory)")


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        ({"ended_ms": 1, "exit_code": 7}, 7, ""),
        ({"ended_ms": 1, "exit_code": 0}, 0, ""),
        ({"ended_ms": 1, "signal": 9}, 137, ""),
        ({"ended_ms": 1, "end_cause": "unknown"}, 1, "ended (unknown); its exit code is not known"),
        ({}, 0, "come back with `iapeer attach alice`"),
    ],
)
def test_launch_exits_as_the_agent_did(
    cli: Cli, daemon: Daemon, folder: Path, end: dict[str, Any], code: int, said: str
) -> None:
    """Or says how to come back when the person only detached."""
    daemon.on("POST /peers/alice/launch", _shown(["echo", "the agent"]))
    daemon.on("GET /sessions/s1?wait_end_s=1.0", {**answers.SESSION, "pid": os.getpid(), **end})
    done, shown = cli.terminal("claude", "--", "--resume", "-h", cwd=folder)
    assert done == code
    assert shown.startswith("the agent\n") and said in shown
    asked = {one.line: one.body for one in daemon.table.asked}
    assert asked["POST /peers/alice/launch"] == {"runtime": "claude", "args": ["--resume", "-h"]}
    assert "POST /peers" not in asked


def test_an_end_that_is_recorded_late_is_waited_for(cli: Cli, daemon: Daemon, folder: Path) -> None:
    """However long the daemon takes to say how the agent ended, once its process is gone."""
    daemon.on("POST /peers/alice/launch", _shown(["true"]))
    late = {**answers.SESSION, "pid": _pid_of_the_dead(), "ended_ms": None}
    looks = iter([late, late, late, {**late, "ended_ms": 1, "exit_code": 7}])
    daemon.on("GET /sessions/s1?wait_end_s=1.0", lambda _: (200, next(looks)))
    assert cli.terminal("claude", cwd=folder)[0] == 7


def _pid_of_the_dead() -> int:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def test_launch_makes_the_peer_and_says_so(cli: Cli, daemon: Daemon, folder: Path) -> None:
    """In a folder that is none, or none of this runtime. A live session is attached to, and that is said."""
    daemon.on("GET /runtimes/codex", {**answers.RUNTIME, "name": "codex", "binary": "/bin/codex"})
    daemon.on("POST /peers/alice/launch", _shown(["true"], woke=False))
    daemon.on("GET /sessions/s1?wait_end_s=1.0", {**answers.SESSION, "ended_ms": 1, "exit_code": 0})
    code, shown = cli.terminal("codex", cwd=folder)
    assert code == 0
    assert "This folder is now the peer alice (codex)." in shown
    assert "alice is live already" in shown
    asked = {one.line: one.body for one in daemon.table.asked}
    assert asked["POST /peers"] == {"dir": str(folder), "create": False, "runtime": "codex"}


@pytest.mark.parametrize(
    ("words", "kind"),
    [("y", "key"), ("1", "key"), ("Enter", "key"), ("C-c", "key"), ("M-Enter", "key"), ("F5", "key"), ("é", "key"),
     ("yes", "text"), ("enter", "text"), ("C-", "text"), ("Enter it", "text"), ("C-ab", "text")],
)  # fmt: skip
def test_what_is_a_key(words: str, kind: str) -> None:
    """tmux's names and single characters; everything else is text, and so is all with --text."""
    assert typed(words) == {kind: words}
    assert typed(words, as_text=True) == {"text": words}


def test_answer_sends_what_was_said(cli: Cli, daemon: Daemon) -> None:
    """A key, or words as one text."""
    daemon.on("POST /peers/alice/answer", answers.SCREEN)
    cli.run("answer", "alice", "Escape", "-r", "claude")
    cli.run("answer", "alice", "go", "on")
    cli.run("answer", "alice", "--text", "y")
    bodies = [asked.body for asked in daemon.table.asked]
    assert bodies == [{"key": "Escape", "runtime": "claude"}, {"text": "go on"}, {"text": "y"}]


def test_peek_follows_changes_only(cli: Cli, daemon: Daemon) -> None:
    """A screen that stands still is printed once; a session that ends ends it."""
    looks = iter(["one", "one", "two", None])

    def screen(_: object) -> tuple[int, Any]:
        text = next(looks)
        if text is None:
            return 409, {"error": {"code": "asleep", "message": "alice is asleep.", "exit": 3}}
        return 200, {**answers.SCREEN, "text": text}

    daemon.on("GET /peers/alice/screen", screen)
    done = cli.run("peek", "alice", "-f")
    assert (done.out, done.err, done.code) == ("one\ntwo\n", "iapeer: alice is asleep.\n", 3)


def test_launch_without_the_program_makes_nothing(cli: Cli, daemon: Daemon, folder: Path) -> None:
    """A missing agent program is refused before the folder becomes a peer."""
    missing = {**answers.RUNTIME, "name": "codex", "binary": None, "warning": "Codex is not installed here."}
    daemon.on("GET /runtimes/codex", missing)
    code, shown = cli.terminal("codex", cwd=folder)
    assert (code, "Codex is not installed here." in shown) == (3, True)
    assert "POST /peers" not in [one.line for one in daemon.table.asked]
