"""Keeps the operator's environment on record: a daemon that an agent's command starts lives with it, too.

Every agent inherits the daemon's environment. A daemon that an agent's command brought back would hand that agent's
secrets, PATH and settings to all others.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from iapeer.files.regular import write_private
from iapeer.model.errors import PeerError, Refused
from iapeer.paths.layout import Layout
from iapeer.paths.sockets import state_dir
from iapeer.process.environment import SESSION_VARIABLE, SESSION_VARIABLES, environment
from iapeer.process.tree import ancestors

_SCRUBBED = ("PEER_", "TMUX", "IAPEER_TOKEN", SESSION_VARIABLE, "IAPEER_SOCKET")  # prefixes
_OF_A_SHELL = frozenset({"_", "PWD", "OLDPWD", "SHLVL"})  # set by a wrapper script on the way, and nobody's word
_LARGEST = 4 << 20  # bytes; no environment is larger


def daemon_env(env: Mapping[str, str], where: Layout) -> dict[str, str]:
    """Return `env` without the variables that name a session, and with absolute paths: the daemon lives elsewhere."""
    kept = {name: value for name, value in env.items() if not name.startswith(_SCRUBBED)}
    if kept.get("IAPEER_ROOT"):
        kept["IAPEER_ROOT"] = str(where.state.parent)
    if kept.get("IAPEER_SOCK_DIR"):
        kept["IAPEER_SOCK_DIR"] = str(where.sockets)
    return kept


def inside_session(env: Mapping[str, str], where: Layout) -> bool:
    """Whether this process runs inside a session of this root: by its environment `env`, or by that of an ancestor."""
    socket = env.get("IAPEER_SOCKET")
    if any(env.get(name) for name in SESSION_VARIABLES) and socket in (None, "", str(where.daemon_socket())):
        return True
    return any(_is_session_of(environment(pid), where) for pid in ancestors(os.getpid())[1:])


def environment_to_start_with(env: Mapping[str, str], where: Layout) -> dict[str, str]:
    """Return the environment to start a daemon with: `env`, scrubbed; inside a session, the recorded one.

    Refused inside a session when none is on record.
    """
    if not inside_session(env, where):
        return daemon_env(env, where)
    recorded = recorded_environment(where)
    if recorded is None:
        raise _start_outside(f"{where.daemon_environment} does not hold the operator's environment")
    return recorded


def settle_environment(env: Mapping[str, str], where: Layout) -> None:
    """Record the environment that this daemon was started with.

    Refused when it was started inside a session, with anything but the recorded one.
    """
    if not inside_session(env, where):
        _record(where.daemon_environment, daemon_env(env, where))
    elif _without_shells(env) != _without_shells(recorded_environment(where) or {}):
        raise _start_outside("this one would live with an agent's environment")


def recorded_environment(where: Layout) -> dict[str, str] | None:
    """Return the environment on record; None when there is none that is whole and private."""
    try:
        descriptor = os.open(where.daemon_environment, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - by descriptor
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o077:
                return None
            recorded = json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    whole = isinstance(recorded, dict) and all(isinstance(value, str) for value in recorded.values())
    return recorded if whole and recorded else None


def _record(path: Path, env: dict[str, str]) -> None:
    """Replace the record with `env`, in a private file. On a full disk the old one stays, and the daemon starts."""
    with contextlib.suppress(OSError):
        write_private(path, json.dumps(env))


def _start_outside(why: str) -> Refused:
    return Refused(
        f"The daemon cannot be started inside a session ({why}): run `iapeer daemon start` in a terminal of your own.",
        code="inside-session",
    )


def _without_shells(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name not in _OF_A_SHELL}


def _is_session_of(env: Mapping[str, str], where: Layout) -> bool:
    """Whether `env` is that of a session of this root."""
    if not env.get(SESSION_VARIABLE):
        return False
    with contextlib.suppress(PeerError, OSError):
        return env.get("IAPEER_SOCKET") == str(where.daemon_socket()) or state_dir(env) == str(where.state)
    return False
