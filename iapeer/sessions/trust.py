"""What a session's program trusts beside what it does by itself: our server's certificate, and what its user named."""

from __future__ import annotations

import json
from collections.abc import Mapping

from iapeer.files.regular import read_regular
from iapeer.runtimes.adapter import Trust
from iapeer.runtimes.records import dig

_LIMIT = 4 << 20  # bytes; all of a system's certificates are below 1 MB


def trusted(rules: Trust | None, home: str, env: Mapping[str, str], ours: str) -> str:
    """The text of the file that the program is to read: the user's certificates that it would have read, and `ours`.

    `home` is the program's own folder.
    """
    theirs = _text(_named(rules, home, env)) if rules else ""
    return f"{theirs}{ours}" if theirs.endswith("\n") or not theirs else f"{theirs}\n{ours}"


def _named(rules: Trust, home: str, env: Mapping[str, str]) -> str:
    """The file that the user has named; empty when there is none."""
    if rules.settings is not None:
        path = _in_settings(f"{home}/{rules.settings.file}", rules.settings.at)
        if path:
            return path
    return next((env[name] for name in (rules.variable, *rules.instead) if env.get(name)), "")


def _in_settings(file: str, at: str) -> str:
    try:
        value = dig(json.loads(_text(file)), at)
    except (ValueError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""


def _text(path: str) -> str:
    """What a file holds; nothing where it cannot be read, is no regular file, or is too large."""
    try:
        return read_regular(path, _LIMIT).decode("utf-8", "replace")
    except (OSError, ValueError):  # a path with a zero byte
        return ""
