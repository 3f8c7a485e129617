"""Why messages are held: one table of the causes. A row is held as long as one cause applies to it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class HoldCause(StrEnum):
    """Why a message is held; its text is what is stored and told."""

    STOPPED = "stopped"  # a person keeps its addressee down
    GUARD = "guard"  # its addressee keeps dying, and is left down for a while
    ATTACHED = "attached"  # a person is at the terminal of the worker that would be ended for it
    AWAITED = "awaited"  # it is an answer, and the call that waits for it will take it
    LOOP = "loop"  # two artificial peers go back and forth too fast


class Party(StrEnum):
    """Who sets a cause, or releases it."""

    CONTROL = "control"  # a person's `stop` and `start`
    ACTOR = "actor"  # the actor of the addressee
    MAIL = "mail"  # whoever takes the message in, or the call that waits for it
    TIME = "time"  # the timekeeper


@dataclass(frozen=True, slots=True)
class HoldRule:
    """What is true of one cause.

    `lasts`: a restart of the daemon leaves it. `timed`: it is over at the time that the hold carries; else by an act.
    `covers`: it is set on all rows that wait, held ones too; else on those that wait free.
    """

    cause: HoldCause
    set_by: Party
    released_by: Party
    lasts: bool
    timed: bool = False
    covers: bool = False


# In order of precedence: each cause yields to those before it, and the first that applies is shown.
HOLD_RULES: tuple[HoldRule, ...] = (
    HoldRule(HoldCause.STOPPED, Party.CONTROL, Party.CONTROL, lasts=True, covers=True),
    HoldRule(HoldCause.GUARD, Party.ACTOR, Party.ACTOR, lasts=True),
    HoldRule(HoldCause.ATTACHED, Party.ACTOR, Party.ACTOR, lasts=False),
    HoldRule(HoldCause.AWAITED, Party.MAIL, Party.MAIL, lasts=False),
    HoldRule(HoldCause.LOOP, Party.MAIL, Party.TIME, lasts=True, timed=True),
)
RULE_OF = {rule.cause: rule for rule in HOLD_RULES}
LOST = tuple(rule.cause for rule in HOLD_RULES if not rule.lasts)  # what only a daemon that lives can wait for
_PLACE = {rule.cause: place for place, rule in enumerate(HOLD_RULES)}


def causes(**applies: bool) -> frozenset[HoldCause]:
    """Those of the causes, by the lower-case name of each, that apply."""
    return frozenset(HoldCause(name) for name, does in applies.items() if does)


def shown(causes: Collection[HoldCause]) -> HoldCause | None:
    """The first of the causes by precedence; None: there is none."""
    return min(causes, key=_PLACE.__getitem__, default=None)


def yields(cause: HoldCause, to: HoldCause) -> bool:
    """Whether `to` is shown where both apply."""
    return _PLACE[to] < _PLACE[cause]
