"""What a file system says no with, as one sentence: what, why, and what to do."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from os import PathLike

from iapeer.model.errors import Failed

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST})


def advice(error: OSError) -> str:
    """What to do about it."""
    if error.errno in _FULL:
        return "free some space there"
    return "make it writable or set IAPEER_ROOT" if error.errno in _CLOSED else "check the disk"


def unusable(path: str | PathLike[str], error: OSError) -> Failed:
    """The error for a path that cannot be used."""
    return Failed(f"{path} cannot be used ({error.strerror or error}): {advice(error)}.", code="root")


@contextlib.contextmanager
def using(path: str | PathLike[str]) -> Iterator[None]:
    """Failed, naming the path, for what the file system refuses."""
    try:
        yield
    except OSError as error:
        raise unusable(path, error) from error
