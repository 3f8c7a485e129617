"""The three standard streams: there even if the caller closed them, and with what cannot be written said in words.

Imports are few: `send` pays.
"""

from __future__ import annotations

import io
import os
import sys

from iapeer.model.errors import Failed

TYPE_CHECKING = False  # `typing` itself is too slow to import here
if TYPE_CHECKING:
    from typing import BinaryIO

_STDOUT, _STDERR = 1, 2


def settle_streams() -> None:
    """Make the standard streams safe to use. Standard input stays None where it was closed: nothing is to be read."""
    _hold_descriptors()
    sys.stdout = sys.__stdout__ = _made(_Told, sys.stdout, _STDOUT, lines=False)  # type: ignore[misc]  # others use it
    sys.stderr = sys.__stderr__ = _made(_Silent, sys.stderr, _STDERR, lines=True)  # type: ignore[misc]


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


def _made(kind: type[io.TextIOWrapper], stream: object, number: int, *, lines: bool) -> io.TextIOWrapper:
    """The stream in the caller's encoding, with what that cannot say as its code. `lines`: always written by lines."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    terminal = isinstance(stream, io.TextIOWrapper) and stream.isatty()
    return kind(_binary(stream, number), encoding, "backslashreplace", line_buffering=lines or terminal)


def _binary(stream: object, number: int) -> BinaryIO:
    if isinstance(stream, io.TextIOWrapper):
        inner: BinaryIO = stream.detach()
        return inner
    return io.BufferedWriter(io.FileIO(number, "w", closefd=False))


class _Told(io.TextIOWrapper):
    """Standard output: what cannot be written is one sentence. A reader that went away is BrokenPipeError, as ever."""

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
    """Standard error: what cannot be written there cannot be told anywhere, and keeps no work from being done."""

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
