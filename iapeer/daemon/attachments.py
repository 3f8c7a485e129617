"""Attachments: copied when a message is accepted, so that its sender's file may vanish. One copy a content and name."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from iapeer.model.errors import Failed, Refused

if TYPE_CHECKING:
    from tempfile import _TemporaryFileWrapper

    _Scratch = _TemporaryFileWrapper[bytes]

_CHUNK = 1 << 20
_MAX_NAME = 150


class Attachments:
    """The folder with the copies: `<sha256>/<name>`, private. `limit` is the largest file, in bytes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self._limit = limit

    def take(self, paths: Sequence[str], places: Iterable[Path] | None) -> tuple[str, ...]:
        """The paths of our copies. Refused for what is no readable regular file, too large, or outside `places`.

        `places` are the folders that the sender may attach from, links followed; None: anywhere. Blocks: large files
        are read and written to disk.
        """
        roots = None if places is None else [place.resolve() for place in (*places, self.folder)]
        return tuple(self._take(path, roots) for path in paths)

    def keep_text(self, name: str, text: str) -> str:
        """The path of a text that we attach ourselves."""
        data = text.encode("utf-8", "replace")
        with self._scratch() as scratch:
            scratch.write(data)
            return self._place(scratch, hashlib.sha256(data).hexdigest(), name)

    def _take(self, given: str, roots: list[Path] | None) -> str:
        path = _checked(given)
        try:
            real = path.resolve(strict=True)
            if roots is not None and not any(real.is_relative_to(root) for root in roots):
                link = f", which leads to {real}" if real != path else ""
                raise Refused(
                    f"The attachment {given}{link} is outside the folders this peer may attach from: copy it into one.",
                    code="attachment-place",
                )
            return self._copy(real, path.name)
        except FileNotFoundError as error:
            raise Refused(f"The attachment {given} is not there: give a file's path.", code="attachment") from error
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise Refused(f"The attachment {given} cannot be read: {reason}.", code="attachment") from error

    def _copy(self, real: Path, name: str) -> str:
        with os.fdopen(os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as source:
            if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
                raise Refused(f"The attachment {real} is no regular file: give the path of a file.", code="attachment")
            digest, size = hashlib.sha256(), 0
            with self._scratch() as scratch:
                while data := source.read(_CHUNK):
                    size += len(data)
                    if size > self._limit:
                        raise Refused(
                            f"The attachment {real} has more than {self._limit} bytes, the limit of attachment_bytes.",
                            code="too-large",
                        )
                    digest.update(data)
                    scratch.write(data)
                return self._place(scratch, digest.hexdigest(), name)

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
        final = self.folder / digest / (_cut(name) or "attachment")
        final.parent.mkdir(mode=0o700, exist_ok=True)
        Path(scratch.name).replace(final)
        _sync(final.parent)
        _sync(self.folder)
        return str(final)


def _checked(given: str) -> Path:
    if any(ord(char) < 32 or ord(char) == 127 for char in given):
        raise Refused("An attachment's path has a line break or control character: rename the file.", code="attachment")
    path = Path(given)
    if not path.is_absolute():
        raise Refused(f"The attachment {given} is no absolute path: give it from the root.", code="attachment")
    return path


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
