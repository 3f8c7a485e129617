"""The plan of a launch: command line, environment and files of one session. Composed here, carried out elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from iapeer.model.errors import Refused
from iapeer.model.names import identity
from iapeer.peers.launchenv import LaunchEnv
from iapeer.peers.profile import Profile
from iapeer.runtimes.adapter import Adapter
from iapeer.sessions.process import SESSION_VARIABLE

# Never handed on: who the parent is in a fleet, and the terminal it sits in.
_SCRUBBED = ("PEER_*", "IAPEER_TOKEN", "IAPEER_SESSION", "IAPEER_SOCKET", "IAPEER_FAULT", "TMUX", "TMUX_*")
_PLACEHOLDER = re.compile(r"\{(?P<name>[a-z_]+)(?P<form>:toml)?\}")


@dataclass(frozen=True)
class Plan:
    """What to start. `token` is the session's secret; only its hash is kept."""

    argv: list[str]
    env: dict[str, str]
    token: str
    home: str
    hooks: str | None  # the text of the hooks file, if the adapter has one


@dataclass(frozen=True)
class Wish:
    """What is asked of a launch. `conversation` is the id to choose or to resume."""

    session: str
    mode: str  # fresh | resume
    conversation: str | None
    extra: tuple[str, ...] = ()
    cwd: str = ""


def plan(
    adapter: Adapter, binary: str, profile: Profile, settings: LaunchEnv, wish: Wish,
    base: Mapping[str, str], daemon_socket: Path, hook_url: str, hooks_file: Path,
) -> Plan:  # fmt: skip
    """Compose a launch."""
    bypass = adapter.launch.permissions.get("bypass") if profile.permissions == "bypass" else None
    if profile.permissions == "bypass" and bypass is None:
        raise Refused(f"{adapter.title} has no bypass mode: set permissions to default.", code="no-bypass")
    token = secrets.token_hex(32)
    env = {
        **scrubbed(base, adapter.launch.scrub),
        **adapter.launch.env,
        **(bypass.env if bypass else {}),
        **settings.env,
        "PEER_PERSONALITY": profile.personality,
        "PEER_RUNTIME": adapter.name,
        "PEER_IDENTITY": identity(adapter.name, profile.personality),
        SESSION_VARIABLE: wish.session,
        "IAPEER_SOCKET": str(daemon_socket),
        "IAPEER_TOKEN": token,
    }
    env["PATH"] = _with_us(env.get("PATH", os.defpath))
    names = {
        "conversation": wish.conversation or "",
        "model": profile.model or "",
        "home": home_of(adapter, env),
        "cwd": wish.cwd,
        "hooks_file": str(hooks_file),
        "hook_url": hook_url,
    }
    parts = [
        adapter.launch.args,
        adapter.launch.resume if wish.mode == "resume" else adapter.launch.fresh,
        adapter.launch.model if profile.model else [],
        bypass.args if bypass else [],
        adapter.hooks.args if adapter.hooks else [],
    ]
    argv = [binary, *(fill(part, names) for group in parts for part in group), *settings.args, *wish.extra]
    hooks = fill(adapter.hooks.body, names) if adapter.hooks else None
    return Plan(argv, env, token, names["home"], hooks)


def fill(text: str, names: Mapping[str, str]) -> str:
    """`text` with the known placeholders filled in; `{name:toml}` as a TOML string. Every other brace stays."""

    def value(found: re.Match[str]) -> str:
        filled = names.get(found["name"])
        if filled is None:
            return found[0]
        return toml_string(filled) if found["form"] else filled

    return _PLACEHOLDER.sub(value, text)


def toml_string(value: str) -> str:
    """A TOML basic string. What JSON escapes, TOML reads alike; but the delete character must be escaped too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def scrubbed(env: Mapping[str, str], also: Iterable[str] = ()) -> dict[str, str]:
    """`env` without what must not be inherited. A pattern is a name, or a prefix ending in *."""
    patterns = (*_SCRUBBED, *also)
    prefixes = tuple(pattern[:-1] for pattern in patterns if pattern.endswith("*"))
    names = {pattern for pattern in patterns if not pattern.endswith("*")}
    return {key: value for key, value in env.items() if key not in names and not key.startswith(prefixes)}


def _with_us(path: str) -> str:
    """PATH, with the folder of our own command at its end where `iapeer` is not found: agents send with it."""
    if shutil.which("iapeer", path=path):
        return path
    return os.pathsep.join([path, str(Path(sys.executable).parent)])


def home_of(adapter: Adapter, env: Mapping[str, str]) -> str:
    """The program's own folder in this environment."""
    moved = env.get(adapter.home.env) if adapter.home.env else None
    path = moved or adapter.home.default
    if path == "~" or path.startswith("~/"):
        path = env.get("HOME", os.path.expanduser("~")) + path[1:]  # noqa: PTH111 - the session's HOME, not ours
    return path


def token_hash(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
