"""What every kind of transcript offers: the entries that came since a place, and the place after them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from iapeer.runtimes.records import Entry


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a transcript: only its kind knows what `offset` counts.

    `file`: the very file that it counts in; None: whichever is there.
    """

    offset: int = 0
    file: str | None = None


BEGIN = Cursor()


@dataclass(frozen=True, slots=True)
class Part:
    """The entries since a place, in order, and the place after them.

    `more`: there is more to read. `anew`: another record is in the place of the one that the cursor was of, and was
    read from its beginning. `unread`: why what is there could not be read now, as a clause; None: it was, or there is
    nothing.
    """

    entries: list[Entry]
    cursor: Cursor
    more: bool = False
    anew: bool = False
    unread: str | None = None


class TranscriptSource(Protocol):
    """The transcript of one conversation, in the file `path`."""

    path: Path
    slow: bool  # `entries_since` may take long, and may be called in a thread

    @property
    def unfit(self) -> str | None:
        """Why it is not read, as a clause, and will not be as it is; None: it is, or may be soon."""

    def entries_since(self, cursor: Cursor) -> Part:
        """Read the next part after `cursor`: a bounded one, at once. Nothing where the file is not there yet."""

    def end(self) -> Cursor | None:
        """Tell the place behind all that is there now; None where it cannot be read now."""

    def before_end(self) -> Cursor:
        """Tell the place one window before the end: far enough for the last turns. The beginning where it is unread."""


def everything(source: TranscriptSource, cursor: Cursor = BEGIN) -> list[Entry]:
    """Read all entries since `cursor`: not for the daemon's loop. OSError where something there cannot be read now."""
    entries: list[Entry] = []
    more = True
    while more:
        part = source.entries_since(cursor)
        if part.unread is not None:
            raise OSError(0, part.unread)
        entries = part.entries if part.anew else entries + part.entries
        cursor, more = part.cursor, part.more
    return entries
