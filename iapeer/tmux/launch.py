"""The file a server is started with: private settings, then the session itself.

One `tmux -C attach -f FILE` starts the server, which reads the file, and is attached before the agent's first byte. A
file has no length limit, and no user configuration is read.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from iapeer.tmux import panelog
from iapeer.tmux.binary import SESSION, client_argv
from iapeer.tmux.errors import TmuxError
from iapeer.tmux.pane import PANE
from iapeer.tmux.quote import plain, quote

COLUMNS, ROWS = 200, 50

# Always `-q`: an option that this tmux does not know would open a view mode over the agent. Never `window-size manual`
# here: it crashes 3.3a at new-session.
CONFIG = (
    "set -gq remain-on-exit on",
    "set -gq remain-on-exit-format ''",  # the last screen stays the agent's own
    "set -sgq exit-empty off",
    "set -sgq extended-keys off",
    "set -sgq escape-time 0",
    "set -sgq set-clipboard off",
    "set -gq default-terminal screen-256color",
    "set -gq allow-rename off",
    "set -gq automatic-rename off",
    "set -gq window-size latest",
    "set -gq history-limit 2000",
    "set -gq status off",
    "set -gq status-left-length 200",
    "set -gq status-left ' #{@iapeer_title} · detach: Ctrl-b d'",
    "set -gq status-right ''",
    "set -gq window-status-format ''",
    "set -gq window-status-current-format ''",
)


def launch_text(argv: Sequence[str], cwd: Path, log: Path, log_bytes: int, title: str) -> bytes:
    """The file's content. `env` also keeps tmux from handing a single element to a shell."""
    command = b" ".join(quote(part) for part in ("env", "-u", "TMUX", "-u", "TMUX_PANE", *argv))
    folder, pipe = quote(plain(str(cwd))), quote(panelog.writer(log, log_bytes))
    return b"\n".join(
        [
            *(line.encode() for line in CONFIG),
            b"set -gq @iapeer_title " + quote(title),
            b"new-session -d -s %s -x %d -y %d -c %s %s" % (SESSION.encode(), COLUMNS, ROWS, folder, command),
            b"pipe-pane -t %s %s" % (PANE.encode(), pipe),
            b"",
        ]
    )


def check_launch(argv: Sequence[str], cwd: Path, log: Path) -> None:
    """What tmux would pass over in silence: it starts an agent whose folder is missing somewhere else."""
    if not argv or any("\0" in part for part in argv):
        raise TmuxError("The command to launch is empty or holds a NUL byte.")
    if not os.access(cwd, os.X_OK) or not cwd.is_dir():
        raise TmuxError(f"The folder {cwd} does not exist or cannot be entered.")
    try:
        panelog.begin(log)
    except OSError as error:
        raise TmuxError(f"The pane log {log} cannot be written: {error.strerror}.") from error


@contextmanager
def private_file(spool: Path, data: bytes) -> Iterator[Path]:
    """A 0600 file for one act, gone afterwards."""
    path = spool.absolute() / f"iapeer-{secrets.token_hex(8)}"
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise TmuxError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        try:
            _write_all(descriptor, data)
        finally:
            os.close(descriptor)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def syntax_check_argv(socket: Path, file: Path) -> list[str]:
    """The command that tells what tmux dislikes in a launch file: the server that read it told nobody."""
    return client_argv(socket, "start-server", ";", "source-file", "-n", str(file))


def client_env(env: Mapping[str, str]) -> dict[str, str]:
    """`env` without the traces of a tmux around us, which would refuse to nest."""
    return {name: value for name, value in env.items() if name not in ("TMUX", "TMUX_PANE")}
