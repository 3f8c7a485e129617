"""Reading a transcript as it grows: whole lines, in parts, and from its beginning once it is another file."""

from __future__ import annotations

import os
from pathlib import Path

from iapeer.files.regular import Unfit, open_regular

PART = 1 << 18  # bytes that are read and understood at once: ten milliseconds, fifty where all lines are short
MAX_LINE = 32 << 20  # bytes; a longer line is passed over
_SEEN = 64  # bytes before the offset that are compared, to know a file that was rewritten in its place


class Tail:
    """Reads the complete lines that a growing file gained, from an offset on.

    `file`: which file the offset belongs to, as `file` gave it; None: the one that is there.
    """

    def __init__(self, path: Path, offset: int = 0, file: str | None = None) -> None:
        self.path = path
        self.offset = offset
        self.file = file
        self.behind = False  # there is more to read than the last part
        self.unfit: str | None = None  # why what is there is not read, and never will be
        self.unread: str | None = None  # why what is there could not be read the last time
        self.restarts = 0  # how often the file was another one, and was begun anew
        self._seen: bytes | None = None  # what stands right before the offset
        self._rest: list[bytes] = []  # of a line whose end has not come, in pieces
        self._skips = False  # within a line that is too long

    def part(self) -> list[bytes]:
        """The complete lines of the next part.

        A file that is not there yet has none; nor has what is no regular file. One that was replaced, rewritten or
        cut off is read from its beginning.
        """
        try:
            descriptor = open_regular(self.path)
        except OSError as error:
            self.unfit = error.strerror if isinstance(error, Unfit) else None
            self.unread = None if isinstance(error, FileNotFoundError) else error.strerror
            self.behind = False
            return []
        self.unfit = self.unread = None
        try:
            self._recognise(descriptor)
            data = os.pread(descriptor, PART, self.offset)
            self.offset += len(data)
            self._seen = _before(descriptor, self.offset)
        except OSError as error:
            data, self.unread = b"", error.strerror
        finally:
            os.close(descriptor)
        self.behind = len(data) == PART
        return self._lines(data)

    def lines(self) -> list[bytes]:
        """All new complete lines: for files that are known to be small, or outside of the daemon's loop."""
        lines = self.part()
        while self.behind:
            lines += self.part()
        return lines

    def _recognise(self, descriptor: int) -> None:
        """Begin anew in a file that is not the one read so far: told by its inode, and by what was read last."""
        info = os.fstat(descriptor)
        file = f"{info.st_dev}:{info.st_ino}"
        same = self.file in (None, file) and info.st_size >= self.offset
        if same and self._seen is not None:
            same = _before(descriptor, self.offset) == self._seen
        if not same:
            self.offset, self._rest, self._skips = 0, [], False
            self.restarts += 1
        self.file = file

    def _lines(self, data: bytes) -> list[bytes]:
        first, *lines = data.split(b"\n")
        self._rest.append(first)
        if lines:
            whole = [] if self._skips else [b"".join(self._rest)]
            self._rest, self._skips = [lines.pop()], False
            return whole + lines
        if self._skips or sum(map(len, self._rest)) > MAX_LINE:
            self._rest, self._skips = [], True
        return []


def _before(descriptor: int, offset: int) -> bytes:
    begin = max(0, offset - _SEEN)
    return os.pread(descriptor, offset - begin, begin)
