"""Calls that wait: for what becomes of a message, or for anything to happen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from iapeer.model.errors import Refused, TimedOut
from iapeer.model.states import FINAL, State
from iapeer.store import Event, Row, Store

_UNTOLD = frozenset({"leased", "typed"})  # events after which nobody has anything to be told
_DOUBTFUL = frozenset({State.STRANDED, State.UNKNOWN})


class Waits:
    """Who waits, woken by the events of the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watchers: dict[str, set[asyncio.Event]] = {}  # by message
        self._streams: set[asyncio.Event] = set()
        self._ending = False
        store.observers.append(self._observe)

    async def until(self, message: str, enough: Callable[[Row], bool], seconds: float | None) -> Row:
        """The row once `enough` holds, or as it is after so many seconds, or when the daemon ends."""
        changed = asyncio.Event()
        self._watchers.setdefault(message, set()).add(changed)
        try:
            async with asyncio.timeout(seconds):
                while not enough(row := self._row(message)) and not self._ending:
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            return self._row(message)
        finally:
            self._watchers[message].discard(changed)
            if not self._watchers[message]:
                del self._watchers[message]
        return row

    async def next_event(self, seconds: float) -> None:
        """Wait until anything happened, or so long at most."""
        changed = asyncio.Event()
        self._streams.add(changed)
        try:
            async with asyncio.timeout(seconds):
                await changed.wait()
        except TimeoutError:
            pass
        finally:
            self._streams.discard(changed)

    def end(self) -> None:
        """Let everybody go, for the daemon ends: nobody waits any more, for an event or a message."""
        self._ending = True
        for changed in self._streams.union(*self._watchers.values()):
            changed.set()

    @property
    def streaming(self) -> int:
        """How many wait for anything to happen."""
        return len(self._streams)

    def _observe(self, event: Event) -> None:
        if event.message is not None and event.ev not in _UNTOLD:
            for changed in self._watchers.get(event.message, ()):
                changed.set()
        for changed in self._streams:
            changed.set()

    def _row(self, message: str) -> Row:
        row = self._store.inbox.row(message)
        if row is None:
            raise Refused(f"There is no message '{message}'.", code="unknown-message")
        return row


def is_proven(row: Row) -> bool:
    """Proven, over, or in doubt: there is something to tell the sender."""
    return row.state in FINAL or row.state is State.RUNNING or row.state in _DOUBTFUL


def is_told(row: Row) -> bool:
    """Proven, over, in doubt, or known to wait: nothing more is to come soon."""
    return is_proven(row) or (row.state is State.QUEUED and row.reason is not None)


def is_over(row: Row) -> bool:
    """Final."""
    return row.state in FINAL


class GoesOn(TimedOut):
    """What a caller that waited in vain is told; the message itself goes on. `row`: as it is now."""

    def __init__(self, row: Row, seconds: float, code: str | None = None) -> None:
        why = f" ({row.reason})" if row.reason else ""
        super().__init__(
            f"Message {row.message} is {row.state}{why} after {seconds:g} s and goes on: "
            f"`iapeer message {row.message}`.", code=code,
        )  # fmt: skip
        self.row = row
