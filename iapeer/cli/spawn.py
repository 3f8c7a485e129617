"""Starting the daemon when a command needs it. Many commands may try at once: the daemon's lock makes it single."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from iapeer.cli.client import NotRunning, _open
from iapeer.daemon.operatorenv import environment_to_start_with
from iapeer.model.errors import Failed, Unreachable
from iapeer.paths import layout

START_S = 15.0
_STEP_S = 0.02


def start_daemon(socket_file: str) -> None:
    """Start a daemon for our root and wait until it listens. Unreachable, with its last words, when it does not."""
    where = layout()
    if socket_file != str(where.daemon_socket()):
        raise Unreachable(
            f"The daemon of this session does not listen on {socket_file}: start it outside, in its own root.",
            code="not-running",
        )
    try:
        where.make()
    except Failed as error:
        raise Unreachable(str(error), code=error.code) from error
    env = environment_to_start_with(os.environ, where)
    out = where.own_output
    before = out.stat().st_size if out.exists() else 0
    _await(_launch(out, env), socket_file, out, before)


def _launch(out: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    try:
        log = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise Unreachable(f"The daemon cannot be started: {out} cannot be written ({error.strerror}).") from error
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "iapeer", "daemon", "run"],
            env=env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    finally:
        os.close(log)


def _await(daemon: subprocess.Popen[bytes], socket_file: str, out: Path, before: int) -> None:
    """Wait until somebody listens. A daemon that ended with 0 saw another one live: that one is waited for."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if _listens(socket_file):
            return
        if daemon.poll():
            raise Unreachable(f"The daemon could not be started: {_last_words(out, before)}", code="daemon-start")
        time.sleep(_STEP_S)
    raise Unreachable(f"The daemon does not listen after {START_S:.0f} s: see {out}.", code="daemon-start")


def _listens(socket_file: str) -> bool:
    try:
        _open(socket_file).close()
    except NotRunning:
        return False
    return True


def _last_words(out: Path, before: int) -> str:
    """The last line that was written since `before` (a size in bytes), without our own prefix."""
    with out.open("rb") as log:
        log.seek(before)
        lines = log.read()[-65536:].decode("utf-8", "replace").split("\n")
    words = next((line.strip() for line in reversed(lines) if line.strip()), f"it said nothing, see {out}.")
    return words.removeprefix("iapeer: ")
