"""The tmux program itself: where it is, whether it is new enough, and how it is called."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from iapeer.model.errors import Failed
from iapeer.tmux.errors import TmuxError

OLDEST = "3.2"  # control clients with flags, and `env`-free panes that keep their size
SESSION = "main"


def tmux_binary() -> str:
    """The absolute path of tmux, by our own PATH: an agent's PATH need not have it."""
    path = shutil.which("tmux")
    if path is None:
        raise TmuxError("tmux is not installed: install tmux 3.2 or newer (apt install tmux, brew install tmux).")
    return path


def require_tmux() -> str:
    """The version of the tmux on PATH, such as "3.3a"; Failed if there is none or it is older than 3.2."""
    from libtmux.common import get_version, get_version_str  # late: 85 ms that only start-up and doctor pay
    from libtmux.exc import LibTmuxException

    binary = tmux_binary()
    try:
        for probe in (get_version, get_version_str):
            probe.cache_clear()  # it may have been upgraded since the last look
        new_enough = get_version(binary) >= OLDEST
        version = str(get_version_str(binary))
    except (LibTmuxException, OSError, IndexError) as error:  # IndexError: libtmux 0.62 given no output
        why = f"{binary} does not tell its version ({error}): install tmux {OLDEST} or newer."
        raise Failed(why, code="tmux") from error
    if not new_enough:
        raise Failed(f"{binary} is tmux {version}, and iapeer needs {OLDEST}: install a newer tmux.", code="tmux")
    return version


def attach_argv(socket: Path, read_only: bool = False) -> list[str]:
    """The command with which a person looks at the session. `-u`: in another locale tmux would show no letters."""
    return [tmux_binary(), "-u", "-S", str(socket), "attach-session", *(["-r"] if read_only else []), "-t", SESSION]


def client_argv(socket: Path, *command: str, config: Path | None = None) -> list[str]:
    """A tmux process of ours. `-u`: in another locale tmux would replace what is not ASCII."""
    return [tmux_binary(), "-u", "-S", str(socket), "-f", str(config or os.devnull), *command]
