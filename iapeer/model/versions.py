"""Versions of agent programs, and ranges of them: `>=2.1.197 <=2.1.332`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

Version: TypeAlias = tuple[int, ...]

_NUMBER = re.compile(r"\A\s*v?([0-9]{1,9}(?:\.[0-9]{1,9})*)(?![0-9.])")
_COMPARATOR = re.compile(r"(>=|<=|>|<|=)([0-9]{1,9}(?:\.[0-9]{1,9})*)")
_BARE = re.compile(r"[0-9.]+")


def version_of(text: str | None) -> Version | None:
    """The number at the beginning of `text`, without zeros at its end; None where no number can be told.

    What follows it (`-beta.1`) does not count.
    """
    number = _NUMBER.match(text) if text is not None else None
    return _parts(number[1]) if number else None


def _parts(number: str) -> Version:
    parts = [int(part) for part in number.split(".")]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range; `closed`: the version itself is in it."""

    version: Version
    closed: bool


@dataclass(frozen=True, slots=True)
class VersionRange:
    """The versions between two bounds; None is no bound."""

    text: str = field(compare=False)
    low: Bound | None
    high: Bound | None

    @classmethod
    def parse(cls, text: str) -> VersionRange:
        """The range that these words say: comparators, which must all hold. ValueError with what to write instead."""
        words = text.split()
        if len(words) == 1 and _BARE.fullmatch(words[0]):
            raise ValueError(f'write "={words[0]}" for this version alone, or a range as ">=2.1.197 <=2.1.332"')
        comparators = [_COMPARATOR.fullmatch(word) for word in words]
        if not words or None in comparators:
            raise ValueError(f'"{text}" is no range of versions: write one as ">=2.1.197 <=2.1.332", or "=2.1.197"')
        bounds = [(comparator[1], _parts(comparator[2])) for comparator in comparators if comparator]
        made = cls(" ".join(words), _lowest(bounds), _highest(bounds))
        if made.low is not None and _before(made.high, made.low):
            raise ValueError(f'no version is in "{text}"')
        return made

    def __str__(self) -> str:
        return self.text

    def contains(self, version: Version | None) -> bool:
        """Whether it is one of them; what has no number is in no range."""
        return version is not None and not self.below(version) and not self.above(version)

    def below(self, version: Version) -> bool:
        """Whether all of it is older than `version`."""
        return _before(self.high, Bound(version, closed=True))

    def above(self, version: Version) -> bool:
        """Whether all of it is newer than `version`."""
        return _before(Bound(version, closed=True), self.low)

    def overlaps(self, other: VersionRange) -> bool:
        """Whether a version can be in both."""
        return not _before(self.high, other.low) and not _before(other.high, self.low)


def overlapping(ranges: list[VersionRange]) -> tuple[int, int] | None:
    """Two of them that share a version, by their places, or None."""
    pairs = ((first, second) for second in range(len(ranges)) for first in range(second))
    return next(((a, b) for a, b in pairs if ranges[a].overlaps(ranges[b])), None)


def _lowest(bounds: list[tuple[str, Version]]) -> Bound | None:
    """The narrowest lower bound; an open one is narrower than a closed one."""
    lows = [Bound(version, sign != ">") for sign, version in bounds if sign in (">=", ">", "=")]
    return max(lows, key=lambda low: (low.version, not low.closed), default=None)


def _highest(bounds: list[tuple[str, Version]]) -> Bound | None:
    highs = [Bound(version, sign != "<") for sign, version in bounds if sign in ("<=", "<", "=")]
    return min(highs, key=lambda high: (high.version, high.closed), default=None)


def _before(high: Bound | None, low: Bound | None) -> bool:
    """Whether nothing is left between an upper and a lower bound."""
    if high is None or low is None:
        return False
    return high.version < low.version or (high.version == low.version and not (high.closed and low.closed))
