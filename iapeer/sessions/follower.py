"""Following one conversation's transcript: where it is, how far it was read, and what turn it adds up to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from iapeer.runtimes.records import Entry, Turn, fold
from iapeer.runtimes.transcripts.kinds import source_of, written_beside
from iapeer.runtimes.transcripts.source import BEGIN, Cursor, Part, TranscriptSource
from iapeer.runtimes.transcripttables import Transcript
from iapeer.sessions.filewatch import Places, just, merged, places_of

_SOME_PARTS = 16  # that are taken in at once where nobody may have their turn in between


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a transcript: the path of its file, and the cursor in it."""

    path: str | None = None
    offset: int = 0
    file: str | None = None

    @property
    def cursor(self) -> Cursor:
        """The place in the file."""
        return Cursor(self.offset, self.file)

    def record(self) -> dict[str, Any]:
        """As it is kept with a message."""
        return asdict(self)


class Follower:
    """Reads what is new in the transcript of `conversation`, in the file that `pattern` names, once there is one.

    Without a pattern there is nothing yet. What is dated before `since` (milliseconds) was written by an earlier
    process and is passed over; in a record that was exchanged for another and is read from its beginning, what is dated
    before `started` is. `begin` is where to begin in what is there already; None: one window before its end. A slow
    one that is unfit is left alone for `apart` seconds of the clock `now`.
    """

    def __init__(
        self, rules: Transcript, pattern: str | None, since: int, begin: Cursor | None = BEGIN, started: int = 0,
        conversation: str | None = None, apart: float = 0.0, now: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.turn = Turn()
        self.unfit: str | None = None  # why the transcript is not read, where something else is in its place
        self.behind = False  # there is more to read than the last part
        self.unread: str | None = None  # why what is there could not be read the last time, as a clause
        self.places: Places = {}
        self._since = since
        self._started = started
        self._rules = rules
        self._pattern = pattern
        self._conversation = conversation
        self._begin = begin
        self.cursor = BEGIN  # how far it was read
        self._source: TranscriptSource | None = None
        self._apart, self._now = apart, now
        self._alone_until = 0.0
        self.path: Path | None = None  # the transcript's file; None: the program has not made one

    @property
    def position(self) -> Position:
        """How far it was read."""
        return Position(str(self.path), self.cursor.offset, self.cursor.file) if self._source else Position()

    @property
    def left_alone(self) -> bool:
        """Whether what is there is unfit, and too slow to be tried again at once."""
        return self._source is not None and self._source.slow and self._source.unfit is not None

    def read(self) -> Turn:
        """Take in the next part of what is new; the turn as it is now."""
        source = self._reachable()
        if source is not None:
            self._take(source.entries_since(self.cursor))
        return self.turn

    async def read_all(self) -> Turn:
        """Take in all that is new; between two parts, and while a slow one is read, others have their turn."""
        turn = await self._read_aside()
        while self.behind:
            await asyncio.sleep(0)
            turn = await self._read_aside()
        return turn

    def read_some(self) -> Turn:
        """Take in what is new up to a window, which is all of it but where very much was written."""
        turn = self.read()
        for _ in range(_SOME_PARTS):
            turn = self.read() if self.behind else turn
        return turn

    async def _read_aside(self) -> Turn:
        """As `read`; in a thread where it may take long."""
        source, cursor = self._reachable(), self.cursor
        if source is None or not source.slow:
            return self.read()
        part = await asyncio.to_thread(source.entries_since, cursor)
        if cursor == self.cursor:  # else another caller has taken it in meanwhile
            self._take(part)
        return self.turn

    def _reachable(self) -> TranscriptSource | None:
        """The source, once it is there; None also while it is left alone."""
        if self._source is None:
            self._find()
        return None if self.left_alone and self._now() < self._alone_until else self._source

    def _take(self, part: Part) -> None:
        self.cursor, self.behind, self.unread = part.cursor, part.more, part.unread
        self.unfit = self._source.unfit if self._source is not None else None
        if part.anew:
            self.turn, self._since = Turn(), max(self._since, self._started)
        if part.entries:
            self.turn = fold(self.turn, (entry for entry in part.entries if self._counts(entry)))
        if self.left_alone:
            self._alone_until = self._now() + self._apart

    def _counts(self, entry: Entry) -> bool:
        return entry.ms is None or entry.ms >= self._since

    def _find(self) -> None:
        if self._pattern is None:
            return
        path, self.places = places_of(self._pattern)
        if path is None:
            return
        self.places = merged(self.places, *map(just, written_beside(self._rules, path.resolve())))
        self._source = source_of(self._rules, path, self._conversation)
        if self._source is not None:
            self.path = self._source.path
            self.cursor = self._source.before_end() if self._begin is None else self._begin


def at_end(rules: Transcript, pattern: str, conversation: str | None) -> Cursor | None:
    """The place behind all that the transcript holds now; its beginning when there is none, None: not known now."""
    path, _ = places_of(pattern)
    source = source_of(rules, path, conversation) if path else None
    return source.end() if source else BEGIN
