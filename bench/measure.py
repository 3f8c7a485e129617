"""Measuring in turns, and what a measured line is.

Two things that are compared are measured A, B, A, B in one run, so that a noisy neighbour slows both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

Act = Callable[[], float]
AsyncAct = Callable[[], Awaitable[float]]


@dataclass(frozen=True)
class Target:
    """What must hold: at least one bound. `why` is what is known of a miss, and is printed only with one."""

    ratio: float | None = None  # ours / floor, at most
    at_most: float | None = None
    at_least: float | None = None
    why: str = "no cause is known yet"

    def holds(self, floor: float | None, ours: float) -> bool:
        """Whether every bound is kept."""
        return not (
            (self.ratio is not None and floor and ours / floor > self.ratio)
            or (self.at_most is not None and ours > self.at_most)
            or (self.at_least is not None and ours < self.at_least)
        )

    def text(self, unit: str) -> str:
        """The bounds, for the table."""
        bounds = (("<= {:g}x", self.ratio), (f"<= {{:g}} {unit}", self.at_most), (f">= {{:g}} {unit}", self.at_least))
        return ", ".join(words.format(value) for words, value in bounds if value is not None)


@dataclass(frozen=True)
class Line:
    """One line of the table: medians of `n` measurements. Without a floor only the bounds on ours count."""

    row: str
    what: str
    floor: float | None
    ours: float
    unit: str
    n: int
    target: Target

    @property
    def ratio(self) -> float | None:
        return self.ours / self.floor if self.floor else None

    @property
    def ok(self) -> bool:
        return self.target.holds(self.floor, self.ours)


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return float(statistics.median(values))


def in_turns(n: int, *acts: Act, warm: int = 3) -> list[float]:
    """The median of each act, which returns what it measured; they take turns, and the first rounds do not count."""
    rounds = [[act() for act in acts] for _ in range(warm + n)]
    return [median(column) for column in zip(*rounds[warm:], strict=True)]


async def in_turns_async(n: int, *acts: AsyncAct, warm: int = 3) -> list[float]:
    """The same inside an event loop."""
    rounds = [[await act() for act in acts] for _ in range(warm + n)]
    return [median(column) for column in zip(*rounds[warm:], strict=True)]


def timed(act: Callable[[], object]) -> Act:
    """An act that measures how long `act` takes, in milliseconds."""

    def measured() -> float:
        began = time.perf_counter_ns()
        act()
        return (time.perf_counter_ns() - began) / 1e6

    return measured


def timed_async(act: Callable[[], Awaitable[object]]) -> AsyncAct:
    """The same for a coroutine function."""

    async def measured() -> float:
        began = time.perf_counter_ns()
        await act()
        return (time.perf_counter_ns() - began) / 1e6

    return measured
