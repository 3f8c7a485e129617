"""The plan of a launch: command line, environment and files of one session. Composed here, carried out elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from iapeer.model.causes import WakeMode
from iapeer.model.errors import Refused
from iapeer.model.names import conversation_id, identity
from iapeer.peers.launchenv import LaunchEnv
from iapeer.peers.profile import Profile
from iapeer.process.environment import SESSION_VARIABLE
from iapeer.runtimes.adapter import Adapter, Mode
from iapeer.sessions import tell_turn_end
from iapeer.sessions.proxies import past_proxies
from iapeer.sessions.trust import trusted

_FILES = {  # by placeholder
    "settings_file": "settings.json", "mcp_file": "mcp.json", "doctrine_file": "doctrine.md",
    "certificate_file": "trust.pem",
}  # fmt: skip
FIRST_WORDS = "first-words"
# Whatever becomes of it, also of an interpreter that is gone: no output, exit code 0.
TURN_HOOK = f"{shlex.join([sys.executable, '-I', '-S', tell_turn_end.__file__])} >/dev/null 2>&1 || :"
NOW = "You are the same peer as before. What you were told of it at the start now reads as follows.\n\n"
_PLACEHOLDER = re.compile(r"\{([a-z_]+)(?::(toml|json))?\}")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNQUOTABLE = re.compile(r'["\\\x00-\x1f\x7f]')  # in a TOML basic string
_TOML_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
MAX_ARGUMENT = 128 * 1024 - 1  # bytes; Linux starts no program with a longer one
# Never handed on: who the parent is in a fleet, and the terminal it sits in.
_SCRUBBED = (
    "PEER_*",
    "IAPEER_TOKEN",
    "IAPEER_SESSION",
    "IAPEER_SOCKET",
    "IAPEER_FAULT*",
    "IAPEER_TEST_TIMING",
    "TMUX",
    "TMUX_*",
)


@dataclass(frozen=True)
class Plan:
    """What to start. `token` is the session's secret; only its hash is kept. `files`: name and text, private ones."""

    argv: list[str]
    env: dict[str, str]
    token: str
    home: str
    files: dict[str, str]


@dataclass(frozen=True)
class House:
    """Where a session finds us, and as whom. `private` is its own folder, for files that its command line names."""

    daemon_socket: Path
    mcp_url: str
    certificate: str
    private: Path


@dataclass(frozen=True)
class Wish:
    """What is asked of a launch. `conversation` is the id to choose or to resume; `cwd` the peer's folder."""

    session: str
    mode: str  # fresh | resume
    conversation: str | None
    extra: tuple[str, ...] = ()
    cwd: str = ""
    doctrine: str = ""

    def first_words(self, adapter: Adapter, profile: Profile) -> dict[str, str]:
        """The file of what is typed before the session's first message: as it was at the launch, then fixed."""
        if self.mode == WakeMode.FRESH:
            words = profile.initial_prompt
        else:
            words = NOW + self.doctrine if adapter.doctrine is not None and adapter.doctrine.fresh_only else ""
        return {FIRST_WORDS: words} if words.strip() else {}


def plan(
    adapter: Adapter, binary: str, profile: Profile, settings: LaunchEnv, wish: Wish, base: Mapping[str, str],
    house: House,
) -> Plan:  # fmt: skip
    """Compose a launch. Refused for what the adapter has not, what is no model, and what is no conversation's id."""
    mode = _mode(adapter, profile)
    if (profile.model or "").startswith("-"):  # a flag, to some programs
        raise Refused(f"The model '{profile.model}' is an argument and no model: set another.", code="bad-field")
    if wish.conversation is not None and conversation_id(wish.conversation) is None:
        raise Refused("The recorded id of the conversation is none: start a fresh one.", code="bad-conversation")
    token = secrets.token_hex(32)
    env = _environment(adapter, mode, profile, settings, wish, base, house, token)
    trust = _trust(adapter, env, house)
    names = {
        "conversation": wish.conversation or "",
        "model": profile.model or "",
        "home": home_of(adapter, env),
        "cwd": wish.cwd,
        "turn_hook": TURN_HOOK,
        "mcp_url": house.mcp_url,
        "doctrine": wish.doctrine,
        **mode.fill,
        **{name: str(house.private / file) for name, file in _FILES.items()},
    }
    own = [fill(part, names) for part in _parts(adapter, mode, profile, wish)]
    ours = {**adapter.launch.env, **mode.env}
    env |= {name: fill(value, names) for name, value in ours.items() if env[name] == value}
    return Plan(
        [binary, *own, *settings.args, *wish.extra], env, token, names["home"],
        {**_files(adapter, names), **trust, **wish.first_words(adapter, profile)},
    )  # fmt: skip


def _trust(adapter: Adapter, env: dict[str, str], house: House) -> dict[str, str]:
    """The private file of certificates to trust, by its name; `env` names it from now on."""
    if adapter.mcp is None:
        return {}
    file, rules = _FILES["certificate_file"], adapter.mcp.trust
    text = trusted(rules, home_of(adapter, env), env, house.certificate)
    if rules is not None:
        env[rules.variable] = str(house.private / file)
    return {file: text}


def check_doctrine(adapter: Adapter, doctrine: str) -> None:
    """Refused when the words would make an argument, quoted and in UTF-8, that no program can be started with."""
    for part in adapter.doctrine.args if adapter.doctrine else ():
        if (size := len(fill(part, {"doctrine": doctrine}).encode(errors="replace"))) > MAX_ARGUMENT:
            raise Refused(
                f"{adapter.title} would be told {size:,} bytes on its command line, {MAX_ARGUMENT:,} is the limit: "
                "shorten the *.md files of the host or the peer.", code="too-long",
            )  # fmt: skip


def _files(adapter: Adapter, names: Mapping[str, str]) -> dict[str, str]:
    """The private files that the adapter's flags name: file name and text."""
    bodies = {
        "settings_file": adapter.settings.body if adapter.settings else None,
        "mcp_file": adapter.mcp.body if adapter.mcp else None,
        "doctrine_file": "{doctrine}" if adapter.doctrine and adapter.doctrine.file else None,
    }
    return {_FILES[name]: fill(body, names) for name, body in bodies.items() if body is not None}


def _parts(adapter: Adapter, mode: Mode, profile: Profile, wish: Wish) -> list[str]:
    """The command line's own part, placeholders and all."""
    groups = [
        adapter.launch.args,
        adapter.launch.resume if wish.mode == WakeMode.RESUME else adapter.launch.fresh,
        adapter.launch.model if profile.model else [],
        mode.args,
        adapter.mcp.args if adapter.mcp else [],
        adapter.doctrine.args if adapter.doctrine else [],
        adapter.settings.args if adapter.settings else [],
    ]
    return [part for group in groups for part in group]


def _mode(adapter: Adapter, profile: Profile) -> Mode:
    """What the profile's permission mode adds; the default one may add nothing."""
    modes, wanted = adapter.launch.permissions, profile.permissions
    if wanted not in modes and wanted != "default":
        raise Refused(f"{adapter.title} has no {wanted} mode: set permissions to default.", code=f"no-{wanted}")
    return modes.get(wanted, Mode())


def _environment(
    adapter: Adapter, mode: Mode, profile: Profile, settings: LaunchEnv, wish: Wish, base: Mapping[str, str],
    house: House, token: str,
) -> dict[str, str]:  # fmt: skip
    env = {
        **scrubbed(base, adapter.launch.scrub),
        **adapter.launch.env,
        **mode.env,
        **settings.env,
        "PEER_PERSONALITY": profile.personality,
        "PEER_RUNTIME": adapter.name,
        "PEER_IDENTITY": identity(adapter.name, profile.personality),
        SESSION_VARIABLE: wish.session,
        "IAPEER_SOCKET": str(house.daemon_socket),
        "IAPEER_TOKEN": token,
    }
    env["PATH"] = _with_us(env.get("PATH", os.defpath))
    return env | past_proxies(env)


def fill(text: str, names: Mapping[str, str]) -> str:
    """`text` with the known placeholders filled in, once: what is filled in is not read again. Other braces stay.

    `{name}` as it is; `{name:toml}` and `{name:json}` as a string of that language, quotes included.
    """

    def value(found: re.Match[str]) -> str:
        name, form = found.groups()
        if name not in names:
            return found[0]
        return _FORMS[form](names[name]) if form else names[name]

    return _PLACEHOLDER.sub(value, text)


def _toml(value: str) -> str:
    return '"' + _UNQUOTABLE.sub(_toml_escape, _SURROGATE.sub("\ufffd", value)) + '"'


def _toml_escape(found: re.Match[str]) -> str:
    return _TOML_SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}"


def _json(value: str) -> str:
    return json.dumps(_SURROGATE.sub("\ufffd", value), ensure_ascii=False)


_FORMS = {"toml": _toml, "json": _json}


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


def our_command() -> str:
    """Where our own command lies."""
    beside = Path(sys.executable).with_name("iapeer")
    return str(beside) if beside.exists() else "iapeer"


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
