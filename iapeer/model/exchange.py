"""What a message is in the exchange between two peers: work or an answer, and whether it may loop. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Kind = Literal["work", "result"]


@dataclass(frozen=True, slots=True)
class Asked:
    """The message that another one names with `re`: who sent it to whom, and as what."""

    sender: str
    to: str
    kind: str


@dataclass(frozen=True, slots=True)
class Effect:
    """`kind` as it counts, whatever was meant. `wakes`: it goes to the agent; else it is stored to be read.

    `answers`: it is what the sender of the named message waits for.
    """

    kind: Kind
    wakes: bool
    answers: bool = False


def effect(sender: str, to: str, asked: Asked | None, *, asks: bool, natural: bool) -> Effect:
    """What a message from `sender` to `to` counts as. `natural`: a person sends it, and is always heard.

    A result wakes only who asked. What wants an answer itself is work, whatever it names.
    """
    if asked is None or asks:
        return Effect("work", wakes=True)
    if asked.kind == "result":
        return Effect("result", wakes=natural)
    if (asked.sender, asked.to) == (to, sender):
        return Effect("result", wakes=True, answers=True)
    return Effect("work", wakes=True)


def free_at(turns: Sequence[tuple[str, int]], sender: str, now: int, alternations: int, window: int) -> int:
    """When a message of `sender` may be typed without looping; milliseconds, `now` if at once.

    `turns` are (sender, when) of what the two said before, by time; some may be due only later. At most so many changes
    of direction fit into a window.
    """
    due = max([now, *(when for _, when in turns)])
    for at in sorted({due, *(when + window for _, when in turns if when + window > due)}):
        recent = [who for who, when in turns if when > at - window]
        if _changes([*recent, sender]) <= alternations:
            return at
    return due


def _changes(senders: Sequence[str]) -> int:
    return sum(before != after for before, after in pairwise(senders))
