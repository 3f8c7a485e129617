"""Whole processes: `iapeer send` with the daemon answering `queued` at once, and every command's `--help`.

Floor: `python -c pass` by the same interpreter. Ours: the installed script.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from bench.house import house
from bench.measure import Act, Line, Target, in_turns, timed
from iapeer.cli.app import COMMANDS

SCRIPT = Path(sys.executable).parent / "iapeer"
BARE = [sys.executable, "-c", "pass"]
SEND = Target(ratio=2.5, why="`json` and `socket` bring `re` and `enum`: that alone is 2.1x")
HELP = Target(ratio=4.5, why="the command named imports more than click before it knows that only help is wanted")


def run() -> list[Line]:
    """Measure."""
    if not SCRIPT.exists():
        raise SystemExit(f"There is no {SCRIPT.name} beside this interpreter: install it first (make venv).")
    with house(0) as root:
        root.peer("sleeper")
        root.call("POST", "/peers/sleeper/stop", {})
        return [_send(root.env, 60), _help(root.env, 12)]


def _send(env: Mapping[str, str], n: int) -> Line:
    floor, ours = in_turns(n, *_processes([[], ["send", "sleeper", "hello"]], env))
    return Line("cli", "`iapeer send`, queued at once", floor, ours, "ms", n, SEND)


def _help(env: Mapping[str, str], n: int) -> Line:
    commands = [[], ["--help"], *([name, "--help"] for name in COMMANDS if name != "send")]
    floor, *ours = in_turns(n, *_processes(commands, env), warm=1)
    worst, command = max(zip(ours, commands[1:], strict=True))
    return Line("cli", f"slowest help: `iapeer {' '.join(command)}`", floor, worst, "ms", n, HELP)


def _processes(commands: Sequence[list[str]], env: Mapping[str, str]) -> list[Act]:
    """Acts that run the script with these arguments; without any, the bare interpreter."""
    return [timed(partial(_run, [str(SCRIPT), *args] if args else BARE, env)) for args in commands]


def _run(argv: Sequence[str], env: Mapping[str, str]) -> None:
    subprocess.run(argv, env=dict(env), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
