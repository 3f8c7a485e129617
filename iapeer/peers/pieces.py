"""The user's files that a session is told: which there are, what they say, and which were passed over, and why."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from iapeer.files.regular import OUTSIDE, is_below, open_regular, text_of
from iapeer.peers.profile import FOLDER

MAX_DOCTRINE = 100_000  # characters of all that a session is told
_MAX_BYTES = 4 * MAX_DOCTRINE + 1  # of one file: more cannot fit
_MAX_FILES = 500  # of one folder
_MAX_SKIPPED = 20  # told of one launch: a folder may hold any number
_MAIN = "IAPEER.md"


@dataclass(frozen=True)
class Piece:
    """A file of the user's, as far as it was read."""

    path: Path
    text: str


@dataclass(frozen=True)
class Pieces:
    """The files in their order, and those that were passed over: path and why."""

    pieces: tuple[Piece, ...] = ()
    skipped: tuple[tuple[Path, str], ...] = ()


def read_pieces(config: Path | None, folder: Path | None) -> Pieces:
    """The files of the host (in `config`) and of the peer in `folder`: each IAPEER.md, other *.md, fragments/*.md.

    Only regular files are read, or links to such; the peer's own only where they lie in its folder, for whoever wrote
    them is not the operator. Never waits for one. What is not read is passed over and named. None: of that one nothing.
    """
    places: list[tuple[Path, Path | None]] = [(config, None)] if config is not None else []
    places += [(folder / FOLDER, folder)] if folder is not None else []
    reading = _Reading()
    for place, within in places:
        reading.file(place / _MAIN, within, optional=True)
    for place, within in [*places, *((place / "fragments", within) for place, within in places)]:
        reading.folder(place, within)
    return Pieces(tuple(reading.pieces), tuple(reading.skipped))


@dataclass
class _Reading:
    """Reads one file after the other, each once, and keeps account. `within`: what is opened must lie there."""

    pieces: list[Piece] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    size: int = 0  # characters read

    def folder(self, folder: Path, within: Path | None = None) -> None:
        """Its *.md by name, but for hidden ones (editors leave such) and the main one, which came first."""
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208 - names are all that is wanted
        except FileNotFoundError:
            return
        except OSError as error:
            self._skip(folder, error.strerror or "cannot be read")
            return
        if within is not None and not is_below(os.path.realpath(folder), within):
            self._skip(folder, OUTSIDE)
            return
        fitting = [name for name in names if name.endswith(".md") and not name.startswith(".") and name != _MAIN]
        for name in fitting[:_MAX_FILES]:
            self.file(folder / name, within)
        if len(fitting) > _MAX_FILES:
            self._skip(folder, f"{len(fitting):,} files: only {_MAX_FILES} of them are read")

    def file(self, path: Path, within: Path | None = None, *, optional: bool = False) -> None:
        if self.size > MAX_DOCTRINE:
            return  # too much already: who composes it refuses
        try:
            text = _read(path, within)
        except FileNotFoundError:
            if not optional or path.is_symlink():
                self._skip(path, "leads nowhere")
        except OSError as error:
            self._skip(path, error.strerror or "cannot be read")
        else:
            self.pieces.append(Piece(path, text))
            self.size += len(text)

    def _skip(self, path: Path, why: str) -> None:
        if len(self.skipped) < _MAX_SKIPPED:
            self.skipped.append((path, why))
        elif len(self.skipped) == _MAX_SKIPPED:
            self.skipped.append((path.parent, "more of its files are not read"))


def _read(path: Path, within: Path | None) -> str:
    """The text of a regular file, as much of it as could fit."""
    with os.fdopen(open_regular(path, within), "rb") as file:
        return text_of(file.read(_MAX_BYTES), "replace")
