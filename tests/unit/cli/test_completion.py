"""Completion, run in the shells themselves."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli import answers
from tests.unit.cli.fake import Cli, Daemon


@pytest.fixture
def program(cli: Cli) -> Path:
    """`iapeer` on PATH, as installed."""
    folder = cli.base / "bin"
    folder.mkdir()
    made = folder / "iapeer"
    made.write_text(f'#!/bin/sh\nexec {sys.executable} -m iapeer "$@"\n')
    made.chmod(0o755)
    cli.env["PATH"] = f"{folder}:{cli.env['PATH']}"
    return made


def _shell(cli: Cli, *command: str) -> str:
    done = subprocess.run(command, env=cli.env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.stderr == "", done.stderr
    return done.stdout


def _bash(cli: Cli, line: str) -> list[str]:
    """What Tab offers at the end of the line."""
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    script = (
        'eval "$(iapeer completion bash)"\n'
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n"
        '_iapeer_completion iapeer; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return _shell(cli, "bash", "-c", script).split()


def test_bash_offers_commands_options_and_peers(cli: Cli, daemon: Daemon, program: Path) -> None:
    """Peers from the daemon that runs."""
    daemon.on("GET /peers", answers.fleet())
    assert _bash(cli, "iapeer st") == ["stop", "start", "status"]
    assert _bash(cli, "iapeer send al") == ["alice"]
    assert _bash(cli, "iapeer stop ") == ["alice", "bob"]
    assert _bash(cli, "iapeer wait bob a") == ["asleep"]
    assert _bash(cli, "iapeer daemon re") == ["restart"]
    assert _bash(cli, "iapeer ask b") == ["bob"]
    assert _bash(cli, "iapeer inbox o") == ["operator"]
    assert _bash(cli, "iapeer set al") == ["alice"]
    assert _bash(cli, "iapeer send alice hi --wait re") == ["reply"]
    assert _bash(cli, "iapeer message 019a --wait d") == ["delivered", "done"]
    assert "--topic" in _bash(cli, "iapeer send alice --")


def test_a_tab_starts_no_daemon(cli: Cli, program: Path) -> None:
    """Nothing is offered, nothing is made."""
    assert _bash(cli, "iapeer send al") == []
    assert not (cli.base / "state").exists()


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish(cli: Cli, daemon: Daemon, program: Path) -> None:
    """The same through fish's own completion."""
    daemon.on("GET /peers", answers.fleet())
    script = "iapeer completion fish | source; complete -C 'iapeer send al'"
    assert _shell(cli, "fish", "-c", script).split("\t")[0].split()[0] == "alice"


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh(cli: Cli, daemon: Daemon, program: Path) -> None:
    """The script loads in zsh, and its function asks iapeer for the words."""
    daemon.on("GET /peers", answers.fleet())
    script = (
        "autoload -Uz compinit; compinit -u -D\n"
        "compdef() { registered=$*; }; compadd() { :; }; _describe() { shift 2; print -l ${(P)1}; }\n"
        'source <(iapeer completion zsh)\nprint "registered $registered"\n'
        "words=(iapeer send al); CURRENT=3; _iapeer_completion\n"
    )
    out = _shell(cli, "zsh", "-f", "-c", script)
    assert out == "registered _iapeer_completion iapeer\nalice:reviews code\n"
