"""Tell of a daemon of another version than the command: after an upgrade the old one serves on."""

from __future__ import annotations

import sys

from iapeer import __version__
from iapeer.model.versions import version_of
from iapeer.terminal.streams import complain

_seen: list[str | None] = []  # of daemons that are not of our version
_said = False


def note(version: str | None) -> None:
    """Note the version of a daemon that is not ours (None: too old to say); at a terminal, say so at once."""
    _seen.append(version)
    if sys.stderr is not None and sys.stderr.isatty():
        say()


def say() -> None:
    """Say once, to whoever reads it, that a daemon of another version answered; nothing if none did."""
    global _said
    if _seen and not _said:
        complain(sentence(_seen[-1]))
    _said = _said or bool(_seen)


def hush() -> None:
    """Say nothing any more: the old daemon is about to be ended."""
    global _said
    _said = True


def sentence(version: str | None) -> str:
    """Write what the versions are, and what to do about it."""
    both = f"The daemon is {version or 'of an older version'} and this command {__version__}"
    theirs, ours = version_of(version), version_of(__version__)
    if theirs is not None and ours is not None and theirs > ours:
        return f"{both}: use the newer `iapeer`, its folder first on PATH."
    return f"{both}: `iapeer daemon restart` brings the new one; sessions live on."
