"""Reading the log files: the lines of one peer, in the order of their times, and as they come."""

from __future__ import annotations

import contextlib
import heapq
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from iapeer.model.errors import Usage
from iapeer.model.names import split_identity
from iapeer.paths.layout import rotated

KINDS = ("lifecycle", "delivery")
_STEP_S = 0.3
_FIELD = re.compile(r'([A-Za-z_][\w.-]*)=("(?:[^"\\]|\\.)*"|\S*)')
# CSI, OSC and other strings, charset choices, and whatever single escape is left.
_ESCAPE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[ -/]+[0-~]|\x1b.", re.DOTALL | re.MULTILINE
)


def fields(line: str) -> dict[str, str]:
    """The fields of a logfmt line; quotes are taken off."""
    return {name: value[1:-1] if value.startswith('"') else value for name, value in _FIELD.findall(line)}


def concerns(line: str, peer: str) -> bool:
    """Whether a log line is about the peer, under whichever runtime."""
    if peer not in line:
        return False
    found = fields(line)
    return peer in (found.get("peer"), found.get("personality")) or _is_of(found.get("identity", ""), peer)


def _is_of(identity: str, peer: str) -> bool:
    try:
        return split_identity(identity)[1] == peer
    except Usage:
        return False


def history(logs: Path, peer: str) -> Iterator[str]:
    """The peer's lines in all log files of the folder, rotated ones too, by time."""
    return heapq.merge(*(_lines_of(logs, kind, peer) for kind in KINDS), key=_time)


def _time(line: str) -> str:
    return fields(line).get("ts", "")


def _lines_of(logs: Path, kind: str, peer: str) -> Iterator[str]:
    for path in (*rotated(logs / f"{kind}.log"), logs / f"{kind}.log"):
        with contextlib.suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as file:
            yield from (line.rstrip("\n") for line in file if concerns(line, peer))


class Tail:
    """What is added to a file from now on, line by line. A file that shrank or was replaced is read from its start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        info = self._stat()
        self._inode, self._offset = info or (0, 0)
        self._rest = b""

    def _stat(self) -> tuple[int, int] | None:
        try:
            info = self._path.stat()
        except FileNotFoundError:
            return None
        return info.st_ino, info.st_size

    def lines(self) -> list[str]:
        """The whole lines that came since the last call."""
        info = self._stat()
        if info is None:
            return []
        if info[0] != self._inode or info[1] < self._offset:
            self._inode, self._offset, self._rest = info[0], 0, b""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [line.decode("utf-8", "replace") for line in whole]


def follow(paths: list[Path], sleep: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """The lines that are added to the files, for ever."""
    tails = [Tail(path) for path in paths]
    while True:
        yield from (line for tail in tails for line in tail.lines())
        sleep(_STEP_S)


def without_escapes(text: str) -> str:
    """A terminal's output as text: escape sequences gone, of overdrawn lines the last drawing."""
    lines = _ESCAPE.sub("", text).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def pane_log(panes: Path, peer: str, runtime: str | None) -> Path | None:
    """The newest pane log of the peer, of that runtime if one is named."""
    found = [path for path in panes.glob(f"*-{peer}.log") if _is_of(path.stem, peer)]
    if runtime is not None:
        found = [path for path in found if path.stem == f"{runtime}-{peer}"]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)
