"""What a session's program trusts beside what it does by itself: our server's certificate, and what its user named."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from iapeer.runtimes.adapter import Trust

_LIMIT = 4 << 20  # bytes; all of a system's certificates are below 1 MB


def trusted(rules: Trust | None, env: Mapping[str, str], ours: str) -> str:
    """The text of the file that the program is to read: the user's certificates that it would have read, and `ours`."""
    names = (rules.variable, *rules.instead) if rules else ()
    theirs = next((env[name] for name in names if env.get(name)), "")
    return f"{_text(theirs)}{ours}"


def _text(path: str) -> str:
    """What a file of certificates holds, with an end of line; nothing where it cannot be read, as the program does."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123 - no pipe
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return ""
            text = file.read(_LIMIT).decode("utf-8", "replace")
    except OSError:
        return ""
    return text if text.endswith("\n") or not text else f"{text}\n"
