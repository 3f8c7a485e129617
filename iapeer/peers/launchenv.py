"""`launch.env`: what one peer adds to the environment and the command line of one runtime."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from iapeer.files.regular import read_text
from iapeer.model.errors import Failed
from iapeer.peers.profile import FOLDER

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_ARGS = "PEER_START_ARGS"
_MAX_BYTES = 1 << 18


@dataclass(frozen=True)
class LaunchEnv:
    """Variables, and arguments appended to the agent's own."""

    env: dict[str, str] = field(default_factory=dict)
    args: tuple[str, ...] = ()


def read_launch_env(folder: Path, runtime: str) -> LaunchEnv:
    """Read the settings of `runtime` for the peer in `folder`; empty without a file. Failed with path and line."""
    path = folder / FOLDER / "runtimes" / runtime / "launch.env"
    try:
        text = read_text(path, _MAX_BYTES, within=folder)
    except FileNotFoundError:
        return LaunchEnv()
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}.", code="bad-launch-env") from error
    except UnicodeDecodeError as error:
        raise Failed(f"{path} cannot be read: {error}.", code="bad-launch-env") from error
    env = dict(_pair(path, number, line) for number, line in enumerate(text.splitlines(), 1) if _says_something(line))
    return LaunchEnv(env, _split(path, env.pop(_ARGS, "")))


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _pair(path: Path, number: int, line: str) -> tuple[str, str]:
    pair = _LINE.fullmatch(line.strip())
    if not pair:
        raise Failed(f"{path}, line {number}: not a KEY=VALUE line.", code="bad-launch-env")
    value = pair[2].strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    return pair[1], value


def _split(path: Path, value: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(value))
    except ValueError as error:
        raise Failed(f"{path}: {_ARGS}: {error}.", code="bad-launch-env") from error
