"""Virtual time: one timeline of what will happen in the world, and an event loop that lives by it.

Where a real loop would sleep, this one jumps: hours pass in milliseconds, and the same history runs the same way again.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import selectors
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
SPIN = 5000  # rounds of the loop in one instant that nobody needs


class Timeline:
    """What happens when, apart from any daemon: it goes on while there is none."""

    def __init__(self) -> None:
        self.now = 1000.0  # seconds since the host's boot
        self._numbers = itertools.count()
        self._coming: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """`call` happens so many seconds from now."""
        heapq.heappush(self._coming, (self.now + seconds, next(self._numbers), call))

    def next(self) -> float:
        """When the next thing happens."""
        return self._coming[0][0] if self._coming else float("inf")

    def run_until(self, when: float) -> None:
        """Time passes; what is due happens in order."""
        while self._coming and self._coming[0][0] <= when:
            at, _, call = heapq.heappop(self._coming)
            self.now = max(self.now, at)
            call()
        self.now = max(self.now, when)


class _Jump(selectors.BaseSelector):
    """Instead of waiting, moves the time to whatever comes first."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._rounds = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        timeline, before = self._timeline, self._timeline.now
        until = timeline.next() if timeout is None else min(timeline.next(), timeline.now + max(0.0, timeout))
        assert until < float("inf"), "everybody waits, and nothing will ever happen"
        timeline.run_until(until)
        self._rounds = self._rounds + 1 if timeline.now == before else 0
        assert self._rounds < SPIN, "the daemon spins"
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        raise AssertionError("the daemon touches the real world")

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        raise AssertionError("nothing was registered")

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {}


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on a timeline. Threads are run at once, in place."""

    _csock = _ssock = None  # no other thread wakes this loop

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        super().__init__(_Jump(timeline))
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._timeline.now

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - handed to whoever awaits it
            done.set_exception(error)
        return done

    def _make_self_pipe(self) -> None:
        """There is nobody to hear."""

    def _close_self_pipe(self) -> None:
        """There is none."""


class WorldClock:
    """The timeline as a Clock; `skew` is by how much the wall clock was set."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.skew = 0.0

    def wall(self) -> float:
        return 1_700_000_000.0 + self._timeline.now + self.skew

    def monotonic(self) -> float:
        return self._timeline.now
