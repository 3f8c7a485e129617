"""Hand this terminal over to another program: check that it can show a session, and run the program in it."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from iapeer.model.errors import Failed, Usage
from iapeer.terminal.streams import complain
from iapeer.wording.text import visible

if TYPE_CHECKING:
    import subprocess

_USUAL = ("xterm-256color", "xterm", "vt100")  # types that a machine with any knowledge of terminals knows
_NEEDED = ("clear", "cup")  # without these tmux draws nothing
_UNSUITABLE = "open terminal failed"  # how tmux begins, whatever is wrong with the type


def need_terminal(command: str) -> None:
    """Raise Usage, saying what to do, when this is no terminal, or none that tmux could draw a session in."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        raise Usage(
            f"`iapeer {command}` needs a terminal: use `iapeer peek` or `iapeer send` here.", code="no-terminal"
        )
    named = os.environ.get("TERM", "")
    if _is_unsuitable(named):
        raise _unsuitable(command, named)


def _unsuitable(command: str, named: str) -> Usage:
    what = f"TERM={visible(named)} names a terminal that" if named else "TERM is not set, and a terminal without a type"
    return Usage(
        f"{what} cannot show a session on this machine: try `TERM=xterm-256color iapeer {command}`.", code="bad-term"
    )


def _is_unsuitable(name: str) -> bool:
    """Whether tmux cannot draw in a terminal of that type. False where this machine has no descriptions: tmux tells."""
    try:
        import curses  # late, and not in every Python

        curses.setupterm(name, 1)
    except ImportError:
        return False
    except curses.error:
        return any(map(_is_known, _USUAL))  # else there are no descriptions at all
    return not all(curses.tigetstr(need) for need in _NEEDED)


def _is_known(name: str) -> bool:
    import curses

    try:
        curses.setupterm(name, 1)
    except curses.error:
        return False
    return True


def show(argv: list[str], command: str) -> int:
    """Run `argv` (tmux) in this terminal, for `iapeer COMMAND`; its exit code. Ctrl-C is for it, not for us."""
    import subprocess  # late: help needs none of it

    try:
        process = subprocess.Popen(argv, env=_outside_tmux(), stderr=subprocess.PIPE)
    except OSError as error:
        raise Failed(
            f"{argv[0]} cannot be run ({error.strerror}): is it installed and on PATH?", code="no-binary"
        ) from error
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGQUIT)}
    before[signal.SIGTERM] = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        _until_ended(process)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    _pass_on(process, command)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _until_ended(process: subprocess.Popen[bytes]) -> None:
    """Wait for its end. When it is suspended, suspend us too, so that the shell has its terminal back."""
    while True:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            process.returncode = os.waitstatus_to_exitcode(status)
            return
        os.kill(os.getpid(), signal.SIGSTOP)


def _pass_on(process: subprocess.Popen[bytes], command: str) -> None:
    """Complain of what it said on stderr; Usage when that is about the terminal's type."""
    assert process.stderr is not None
    with process.stderr as stderr:
        os.set_blocking(stderr.fileno(), False)  # what it left running may hold the other end
        lines = (stderr.read() or b"").decode("utf-8", "replace").splitlines()
    for line in lines:
        if line.startswith(_UNSUITABLE):
            raise _unsuitable(command, os.environ.get("TERM", ""))
        complain(line)


def _outside_tmux() -> dict[str, str]:
    """Copy our environment without what makes tmux refuse to show a session inside another."""
    return {name: value for name, value in os.environ.items() if name not in ("TMUX", "TMUX_PANE")}
