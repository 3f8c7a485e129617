"""Reading files that others may write: never anything but a regular file, never waiting for one, never without a bound.

A repository or an agent may put a FIFO, a device, a link or a file of a gigabyte where a small text is expected.
"""

from __future__ import annotations

import codecs
import os
import stat
import sys

TYPE_CHECKING = False  # `typing` itself is too slow to import here: `send` reads this module
if TYPE_CHECKING:
    from pathlib import Path

MOST_TEXT = 1 << 20  # bytes: far more than any settings file or description has
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
OUTSIDE = "a link leads out of the peer's folder"


class Unfit(OSError):
    """What is there is not read; `strerror` says why, as a clause."""

    def __init__(self, why: str) -> None:
        super().__init__(0, why)


def open_regular(path: str | Path, within: Path | None = None, *, follow: bool = True) -> int:
    """Open a regular file for reading: its descriptor. OSError where there is none, Unfit where it is another thing.

    `within`: the opened file, links followed, must lie in this folder. Told by the file itself and not by its name,
    which may be exchanged in between. `follow`: the path may itself be a link.
    """
    _check(os.stat(path, follow_symlinks=follow))  # noqa: PTH116 - first: to open a device may already do something
    descriptor = os.open(path, _FLAGS if follow else _FLAGS | os.O_NOFOLLOW)
    try:
        _check(os.fstat(descriptor))
        if within is not None and not is_below(path_of(descriptor), within):
            raise Unfit(OUTSIDE)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def read_regular(path: str | Path, limit: int = MOST_TEXT, within: Path | None = None) -> bytes:
    """All bytes of a regular file. Unfit when it has more than `limit`; `within` as for `open_regular`."""
    with os.fdopen(open_regular(path, within), "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        data = b"" if size > limit else _all_of(file.fileno(), limit + 1)
    if max(size, len(data)) > limit:
        raise Unfit(f"it has {max(size, len(data)):,} bytes, {limit:,} is the limit")
    return data


def read_text(path: str | Path, limit: int = MOST_TEXT, within: Path | None = None, errors: str = "strict") -> str:
    """The text of a regular file in UTF-8, without a byte order mark. As `read_regular`, and UnicodeDecodeError."""
    return text_of(read_regular(path, limit, within), errors)


def text_of(data: bytes, errors: str = "strict") -> str:
    """UTF-8, decoded; a byte order mark at the beginning, which editors leave there, is no part of the text."""
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors)


def write_private(path: Path, text: str) -> None:
    """Put a file of our own there, 0600, whole or not at all. OSError where that cannot be."""
    new = path.with_suffix(f".{os.getpid()}.new")
    new.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(text)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def path_of(descriptor: int) -> str:
    """Where an open file is now, every link followed."""
    if sys.platform == "darwin":
        import fcntl

        return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115


def is_below(path: str | Path, folder: Path) -> bool:
    """Whether the real `path` lies in `folder`, links followed, or is it."""
    real = os.path.realpath(folder)
    return str(path) == real or str(path).startswith(real.rstrip(os.sep) + os.sep)


def _check(info: os.stat_result) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise Unfit("no regular file")


def _all_of(descriptor: int, most: int) -> bytes:
    parts: list[bytes] = []
    left = most
    while left > 0 and (part := os.read(descriptor, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
