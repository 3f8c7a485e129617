"""Make the three standard streams safe to use, and complain on standard error. Imports are few: `send` pays.

They are there even if the caller closed them; what cannot be written is said in words.
"""

from __future__ import annotations

import io
import os
import sys

from iapeer.model.errors import Failed
from iapeer.wording.text import visible

TYPE_CHECKING = False  # `typing` itself is too slow to import here
if TYPE_CHECKING:
    from typing import BinaryIO

_STDOUT, _STDERR = 1, 2


def settle_streams() -> None:
    """Make the standard streams safe to use. Standard input stays None where it was closed: nothing is to be read."""
    _hold_descriptors()
    sys.stdout = sys.__stdout__ = _rewrapped(_Plain, sys.stdout, _STDOUT, lines=False)  # type: ignore[misc]  # others use it
    sys.stderr = sys.__stderr__ = _rewrapped(_Silent, sys.stderr, _STDERR, lines=True)  # type: ignore[misc]


def complain(line: str) -> None:
    """Print one line on stderr, in the one form that errors and remarks have."""
    print(f"iapeer: {visible(line)}", file=sys.stderr)


def silence_stdout() -> None:
    """Drop whatever is still to be written: its reader is gone, or its disk is full."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDOUT)
    os.close(nowhere)


def _hold_descriptors() -> None:
    """Occupy 0, 1 and 2 where they are closed: no socket and no database may get these numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number: this one


def _rewrapped(kind: type[io.TextIOWrapper], stream: object, number: int, *, lines: bool) -> io.TextIOWrapper:
    """Wrap a stream anew in its own encoding; what that cannot say is written as its code. `lines`: flush each line."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    terminal = isinstance(stream, io.TextIOWrapper) and stream.isatty()
    return kind(_binary(stream, number), encoding, "backslashreplace", line_buffering=lines or terminal)


def _binary(stream: object, number: int) -> BinaryIO:
    if isinstance(stream, io.TextIOWrapper):
        inner: BinaryIO = stream.detach()
        return inner
    return io.BufferedWriter(io.FileIO(number, "w", closefd=False))


class _Plain(io.TextIOWrapper):
    """Standard output: raises Failed, one sentence, for what cannot be written; BrokenPipeError without a reader."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise _in_words(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise _in_words(error) from error


class _Silent(io.TextIOWrapper):
    """Standard error: ignores what cannot be written. It can be told nowhere else, and must stop no work."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        try:  # noqa: SIM105 - contextlib is slow to import
            super().flush()
        except OSError:
            pass


def _in_words(error: OSError) -> Exception:
    if isinstance(error, BrokenPipeError):
        return error
    return Failed(
        f"It is done, but the output cannot be written ({error.strerror}): look again with the output elsewhere.",
        code="output",
    )
