"""Following one conversation's transcript: where it is, how far it was read, and what turn it adds up to."""

from __future__ import annotations

from pathlib import Path

from iapeer.runtimes.adapter import Transcript
from iapeer.runtimes.records import Tail, Turn, fold, parse, start_offset
from iapeer.sessions.filewatch import Places, places_of


class Follower:
    """Reads what is new in the file that `pattern` names, once there is one; without a pattern there is nothing yet.

    A turn that was open before `since` (milliseconds), in an earlier process, counts as closed. `offset` is where to
    begin in a file that exists already; None begins one window before its end, or at `at_least` where that is earlier.
    """

    def __init__(
        self, rules: Transcript, pattern: str | None, since: int, offset: int | None = 0, at_least: int | None = None
    ) -> None:
        self.turn = Turn(closed=since)
        self.places: Places = {}
        self._rules = rules
        self._pattern = pattern
        self._offset = offset
        self._at_least = at_least
        self._tail: Tail | None = None

    @property
    def path(self) -> Path | None:
        """The transcript, or None while the program has not made one."""
        return self._tail.path if self._tail else None

    @property
    def offset(self) -> int:
        """How far it was read, in bytes."""
        return self._tail.offset if self._tail else 0

    def read(self, now: int | None = None) -> Turn:
        """Take in what is new; the turn as it is `now` (wall time in milliseconds)."""
        if self._tail is None:
            self._find()
        if self._tail is not None:
            lines = self._tail.lines()
            if lines:
                self.turn = fold(self.turn, parse(self._rules, lines), now)
        return self.turn

    def _find(self) -> None:
        if self._pattern is None:
            return
        path, self.places = places_of(self._pattern)
        if path is not None:
            begin = start_offset(path, self._at_least) if self._offset is None else self._offset
            self._tail = Tail(path, begin)


def at_end(pattern: str) -> int:
    """The size of the file that `pattern` names, 0 when there is none: the offset that skips what it holds."""
    path, _ = places_of(pattern)
    return path.stat().st_size if path else 0
