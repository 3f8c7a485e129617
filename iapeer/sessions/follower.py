"""Following one conversation's transcript: where it is, how far it was read, and what turn it adds up to."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from iapeer.runtimes.adapter import Transcript
from iapeer.runtimes.records import WINDOW, Turn, fold, parse, start_offset
from iapeer.runtimes.tail import PART, Tail
from iapeer.sessions.filewatch import Places, places_of


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a transcript: its path, the offset in bytes, and the very file that this counts in, where known."""

    path: str | None = None
    offset: int = 0
    file: str | None = None

    def record(self) -> dict[str, Any]:
        """As it is kept with a message."""
        return asdict(self)


class Follower:
    """Reads what is new in the file that `pattern` names, once there is one; without a pattern there is nothing yet.

    What is dated before `since` (milliseconds) was written by an earlier process and is passed over; in a file that was
    exchanged for another and is read from its beginning, what is dated before `started` is. `offset` is where to begin
    in a file that exists already, `file` the file that it counts in; None begins one window before its end.
    """

    def __init__(
        self, rules: Transcript, pattern: str | None, since: int, offset: int | None = 0, file: str | None = None,
        started: int = 0,
    ) -> None:  # fmt: skip
        self.turn = Turn()
        self._since = since
        self._started = started
        self.places: Places = {}
        self._rules = rules
        self._pattern = pattern
        self._offset = offset
        self._file = file
        self._tail: Tail | None = None
        self._restarts = 0

    @property
    def path(self) -> Path | None:
        """The transcript, or None while the program has not made one."""
        return self._tail.path if self._tail else None

    @property
    def position(self) -> Position:
        """How far it was read."""
        return Position(str(self._tail.path), self._tail.offset, self._tail.file) if self._tail else Position()

    @property
    def behind(self) -> bool:
        """Whether there is more to read than the last part."""
        return self._tail is not None and self._tail.behind

    @property
    def unfit(self) -> str | None:
        """Why the transcript is not read, where something else is in its place."""
        return self._tail.unfit if self._tail else None

    def read(self) -> Turn:
        """Take in the next part of what is new; the turn as it is now."""
        if self._tail is None:
            self._find()
        if self._tail is not None:
            lines = self._tail.part()
            if self._tail.restarts != self._restarts:
                self._restarts = self._tail.restarts
                self.turn, self._since = Turn(), max(self._since, self._started)
            if lines:
                entries = parse(self._rules, lines)
                self.turn = fold(self.turn, (one for one in entries if one.ms is None or one.ms >= self._since))
        return self.turn

    async def read_all(self) -> Turn:
        """Take in all that is new; between two parts, others have their turn."""
        turn = self.read()
        while self.behind:
            await asyncio.sleep(0)
            turn = self.read()
        return turn

    def read_some(self) -> Turn:
        """Take in what is new up to a window, which is all of it but where very much was written."""
        turn = self.read()
        for _ in range(WINDOW // PART):
            turn = self.read() if self.behind else turn
        return turn

    def _find(self) -> None:
        if self._pattern is None:
            return
        path, self.places = places_of(self._pattern)
        if path is not None:
            begin = start_offset(path) if self._offset is None else self._offset
            self._tail = Tail(path, begin, self._file)


def at_end(pattern: str) -> int:
    """The size of the file that `pattern` names, 0 when there is none: the offset that skips what it holds."""
    path, _ = places_of(pattern)
    return path.stat().st_size if path else 0
