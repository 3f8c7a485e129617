"""Transcripts that are files of JSON lines, one file a conversation."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from iapeer.files.regular import open_regular
from iapeer.runtimes.records import Entry, entries_of, meets, time_of
from iapeer.runtimes.transcripts.source import Cursor, Part
from iapeer.runtimes.transcripts.tail import Tail
from iapeer.runtimes.transcripttables import Condition, Transcript

WINDOW, _END = 4 << 20, 1 << 16  # bytes
_FIRST = 4 << 20  # bytes of a first record


class JsonLines:
    """The transcript in the file `path`. A cursor counts bytes."""

    slow = False

    def __init__(self, rules: Transcript, path: Path) -> None:
        self.path = path
        self._rules = rules
        self._tail = Tail(path)

    @property
    def unfit(self) -> str | None:
        return self._tail.unfit

    def entries_since(self, cursor: Cursor) -> Part:
        tail = self._at(cursor)
        restarts = tail.restarts
        lines = tail.part()
        entries = parse(self._rules, lines) if lines else []
        return Part(entries, self._cursor(), tail.behind, tail.restarts != restarts, tail.unread)

    def end(self) -> Cursor:
        return Cursor(start_offset(self.path, window=0))

    def before_end(self) -> Cursor:
        return Cursor(start_offset(self.path))

    def _at(self, cursor: Cursor) -> Tail:
        """The reader that stands at `cursor`: the one of the last part knows more of its file than its offset."""
        if cursor != self._cursor():
            self._tail = Tail(self.path, cursor.offset, cursor.file)
        return self._tail

    def _cursor(self) -> Cursor:
        return Cursor(self._tail.offset, self._tail.file)


def parse(rules: Transcript, lines: Iterable[bytes]) -> list[Entry]:
    """The entries that `lines` hold. A line that is no JSON object, or of no known kind, says nothing."""
    return entries_of(rules, (record for line in lines if (record := load(line)) is not None))


def load(line: bytes | str) -> dict[str, Any] | None:
    """The JSON object that `line` is; None where it is none."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def start_offset(path: Path, window: int = WINDOW) -> int:
    """Where to begin reading a file that exists: one window before its end."""
    try:
        size = path.stat().st_size
    except OSError:
        return 0
    return max(0, size - window)


def newest_ms(time: list[str], paths: Iterable[Path]) -> int | None:
    """The newest of the last dates in these records, in milliseconds. `time` is where a record may have its own."""
    return max((last for path in paths if (last := _last_ms(time, path)) is not None), default=None)


def _last_ms(time: list[str], path: Path) -> int | None:
    """By what stands in the file: programs save again what has long been over. The end first, for files are large."""
    for window in (_END, WINDOW):
        for line in reversed(Tail(path, start_offset(path, window)).lines()):
            record = load(line)
            if record is not None and (ms := time_of(time, record)) is not None:
                return ms
    return None


def first_meets(conditions: Mapping[str, Condition], path: Path) -> bool | None:
    """Whether the first record in the file meets all `conditions`; None while it holds none."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            line = file.readline(_FIRST)
    except OSError:
        return None
    record = load(line) if line.endswith(b"\n") else None
    return None if record is None else meets(conditions, record)
