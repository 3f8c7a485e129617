"""How many files may be open: here as many as are allowed, in what is launched as many as this process began with."""

from __future__ import annotations

import resource
from collections.abc import Sequence

MOST = 65_536  # beyond it nothing is won: far more peers than a machine can run
_began_with: int | None = None  # the soft limit of before, if it was raised


def raise_open_files() -> int:
    """Raise the soft limit to the hard one, at most MOST; the limit as it is then."""
    global _began_with
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MOST if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS has a limit of its own below the hard one
        return soft
    _began_with = soft
    return wanted


def as_we_began(argv: Sequence[str]) -> list[str]:
    """The command that runs `argv` with the limit that this process began with: many programs loop over all numbers up
    to it. The process stays the same.
    """
    if _began_with is None:
        return list(argv)
    return ["/bin/sh", "-c", f'ulimit -Sn {_began_with}; exec "$@"', "sh", *argv]
