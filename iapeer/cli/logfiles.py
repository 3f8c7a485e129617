"""Read the log files: the lines of one peer, in the order of their times, and as they come."""

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
from iapeer.wording import logfmt

KINDS = ("lifecycle", "delivery")
_STEP_S = 0.3
# CSI, OSC and other strings, charset choices, and whatever single escape is left.
_ESCAPE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[ -/]+[0-~]|\x1b.", re.DOTALL | re.MULTILINE
)


def concerns(line: str, peer: str) -> bool:
    """Whether a log line is about the peer, under whichever runtime."""
    if peer not in line:
        return False
    fields = logfmt.read(line)
    return peer in (fields.get("peer"), fields.get("personality")) or _is_of(fields.get("identity", ""), peer)


def _is_of(identity: str, peer: str) -> bool:
    try:
        return split_identity(identity)[1] == peer
    except Usage:
        return False


def history(logs: Path, peer: str) -> Iterator[str]:
    """Read the peer's lines in all log files of the folder, rotated ones too, by time."""
    return heapq.merge(*(_lines_of(logs, kind, peer) for kind in KINDS), key=_time)


def _time(line: str) -> str:
    return logfmt.read(line).get("ts", "")


def _lines_of(logs: Path, kind: str, peer: str) -> Iterator[str]:
    for path in (*rotated(logs / f"{kind}.log"), logs / f"{kind}.log"):
        with contextlib.suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as file:
            yield from (line.rstrip("\n") for line in file if concerns(line, peer))


class Tail:
    """Reads what is added to a file from now on. A file that shrank or was replaced is read from its start."""

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
        """Read the whole lines that came since the last call."""
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
    """Read the lines that are added to the files, for ever."""
    tails = [Tail(path) for path in paths]
    while True:
        yield from (line for tail in tails for line in tail.lines())
        sleep(_STEP_S)


def without_escapes(text: str) -> str:
    """Turn a terminal's output into text: without escape sequences, and of overdrawn lines the last drawing."""
    lines = _ESCAPE.sub("", text).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def pane_log(panes: Path, peer: str, runtime: str | None) -> Path | None:
    """Find the newest pane log of the peer, of that runtime if one is named; None when there is none."""
    logs = [path for path in panes.glob(f"*-{peer}.log") if _is_of(path.stem, peer)]
    if runtime is not None:
        logs = [path for path in logs if path.stem == f"{runtime}-{peer}"]
    return max(logs, key=lambda path: path.stat().st_mtime, default=None)
