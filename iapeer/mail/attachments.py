"""Attachments: copied when a message is accepted, so that its sender's file may vanish. One copy a content and name."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from iapeer.files.within import open_within
from iapeer.model.errors import Failed, Refused

if TYPE_CHECKING:
    from tempfile import _TemporaryFileWrapper

    _Scratch = _TemporaryFileWrapper[bytes]

_CHUNK = 1 << 20
_UNTYPEABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # would not arrive as it is
_MAX_NAME = 150


class Attachments:
    """The folder with the copies: `<sha256>/<name>`, private. `limit` is the largest file, in bytes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self._limit = limit

    def check(self, paths: Sequence[str], places: Sequence[Path] | None) -> None:
        """Refused for what is no readable regular file, too large, or outside `places`; nothing is copied.

        `places` are the folders (real paths) that the sender may attach from; None: anywhere. Blocks.
        """
        for given in paths:
            with _explained(given):
                self._open(given, places).close()

    def take(self, paths: Sequence[str], places: Sequence[Path] | None) -> tuple[str, ...]:
        """The paths of our copies. Refused as in `check`. Blocks: large files are read and written to disk."""
        return tuple(self._take(path, places) for path in paths)

    def again(self, paths: Sequence[str], copies: Sequence[str]) -> tuple[str, ...]:
        """The paths of a repeated call: `copies`, which the first one took, stand for what has vanished since."""
        if len(paths) != len(copies):
            return tuple(paths)
        return tuple(copy if _was(path, copy) else path for path, copy in zip(paths, copies, strict=True))

    def keep_text(self, name: str, text: str) -> str:
        """The path of a text that we attach ourselves."""
        data = text.encode("utf-8", "replace")
        with self._scratch() as scratch:
            scratch.write(data)
            return self._place(scratch, hashlib.sha256(data).hexdigest(), name)

    def _take(self, given: str, places: Sequence[Path] | None) -> str:
        with _explained(given), self._open(given, places) as source:
            return self._copy(source, given)

    def _open(self, given: str, places: Sequence[Path] | None) -> BinaryIO:
        _check_path(given)
        source = open_within(given, places, "The attachment")
        if (size := os.fstat(source.fileno()).st_size) <= self._limit:
            return source
        source.close()
        raise self._too_large(given, str(size))

    def _copy(self, source: BinaryIO, given: str) -> str:
        digest, size = hashlib.sha256(), 0
        with self._scratch() as scratch:
            while data := source.read(_CHUNK):
                size += len(data)
                if size > self._limit:  # it grew
                    raise self._too_large(given, f"more than {self._limit}")
                digest.update(data)
                scratch.write(data)
            return self._place(scratch, digest.hexdigest(), Path(given).name)

    def _too_large(self, given: str, size: str) -> Refused:
        return Refused(
            f"The attachment {given} has {size} bytes: {self._limit} is the limit, the setting attachment_bytes.",
            code="too-large",
        )

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[_Scratch]:
        """A file to write to; gone afterwards unless it was placed."""
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            scratch = tempfile.NamedTemporaryFile(dir=self.folder, prefix=".new-", delete=False)  # noqa: SIM115
        except OSError as error:
            raise Failed(f"{self.folder} cannot be written ({error.strerror}).", code="unwritable") from error
        try:
            with scratch:
                yield scratch
        finally:
            Path(scratch.name).unlink(missing_ok=True)

    def _place(self, scratch: _Scratch, digest: str, name: str) -> str:
        """Give the scratch file its final name, on disk for good."""
        scratch.flush()
        os.fsync(scratch.fileno())
        final = self.folder / digest / _kept_name(name)
        final.parent.mkdir(mode=0o700, exist_ok=True)
        Path(scratch.name).replace(final)
        _sync(final.parent)
        _sync(self.folder)
        return str(final)


@contextlib.contextmanager
def _explained(given: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise Refused(f"The attachment {given} is not there: give a file's path.", code="attachment") from error
    except OSError as error:
        reason = error.strerror or error
        raise Refused(f"The attachment {given} cannot be read: {reason}.", code="attachment") from error


def _check_path(given: str) -> None:
    if _UNTYPEABLE.search(given):
        raise Refused("An attachment's path has a line break or control character: rename the file.", code="attachment")
    if not given.startswith("/"):
        raise Refused(f"The attachment {given} is no absolute path: give it from the root.", code="attachment")


def _was(given: str, copy: str) -> bool:
    """Whether nothing is at the path any more whose copy this may be."""
    return not os.path.lexists(given) and Path(copy).name == _kept_name(Path(given).name)


def _kept_name(name: str) -> str:
    return _cut(name) or "attachment"


def _cut(name: str) -> str:
    """The name, short enough for every file system, with its ending."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a bare name
    suffix = suffix[:20]
    return stem.encode("utf-8", "replace")[: _MAX_NAME - len(suffix)].decode("utf-8", "ignore") + suffix


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
