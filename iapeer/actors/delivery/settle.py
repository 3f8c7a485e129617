"""The one judgement of an activation that is over: what becomes of its rows. Pure.

Who ends an activation gathers `Evidence`, from the live session or from what a dead one left, and carries the outcome
out (`settling`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from iapeer.model.causes import EndCause
from iapeer.model.states import State
from iapeer.runtimes.records import Ending
from iapeer.store import Row

OK = "ok"  # outcome of what was done
LEFT = "left"  # outcome: the agent had said that it was done, and ended by itself before its turn was over
DECIDED = frozenset({EndCause.STOP, EndCause.NEW})  # a person ended the session: no fault of the task
TOO_LONG = "its turn took longer than the peer's timeout_secs"


class Trace(StrEnum):
    """How far the text got."""

    UNTYPED = "untyped"
    TAKEN_OUT = "taken-out"  # a person took it out of the composer before it was submitted
    UNSEEN = "unseen"  # typed, and not in the agent's record
    CUT = "cut"  # the agent was at work on it, and it is not in its record
    PROVEN = "proven"  # the agent's record holds it


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of an activation that is over.

    `ending` is the end of its turn by the agent's record, None: not there; `spoke`: the agent had given its answer all
    the same. `words` are the turn's last. `refused`: why a rule of the user's kept it from the model. `obstacle`: why
    it was not typed. `died`: how its session ended, None: it lives. `answered`: its sender has an answer.
    """

    trace: Trace
    ending: Ending | None = None
    spoke: bool = False
    words: str = ""
    refused: str | None = None
    obstacle: str | None = None
    died: str | None = None
    answered: bool = False

    def brief(self) -> str:
        """What counted, as JSON: for the record."""
        ending = self.ending.outcome if self.ending is not None else None
        known = {"trace": self.trace, "ending": ending, "spoke": self.spoke, "died": self.died}
        return json.dumps({name: value for name, value in known.items() if value})


@dataclass(frozen=True, slots=True)
class Rules:
    """How often a text is typed at most; whether a turn that its session's death cut off is begun again, how often."""

    attempts: int = 5
    again: bool = False
    retries: int = 2


@dataclass(frozen=True, slots=True)
class Done:
    """The work is done. `words`: what answers who asked, None: nothing does."""

    outcome: str = OK
    words: str | None = None


@dataclass(frozen=True, slots=True)
class NeedsInput:
    """The turn asked something, and is over: the rows go on with the answer."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The rows wait again, until `not_before` (ms since 1970; None: for nothing). `used`: an attempt was used up."""

    why: str
    used: bool = True
    not_before: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The work failed; `outcome` names how, `error` says it to people."""

    error: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Dead:
    """It is given up."""

    error: str


Outcome = Done | NeedsInput | Retry | Failed | Dead


def settle(rows: Sequence[Row], evidence: Evidence, rules: Rules) -> Outcome:
    """What becomes of the rows of one activation that is over."""
    attempt = max(row.attempt for row in rows)
    if evidence.trace is not Trace.PROVEN:
        return _unproven(attempt, evidence, rules)
    asks = any(row.state is State.NEEDS_INPUT for row in rows)
    if evidence.died is None:
        return NeedsInput() if asks else _ended(evidence)
    return _died(attempt, evidence, rules, asks=asks)


def _unproven(attempt: int, evidence: Evidence, rules: Rules) -> Outcome:
    """The text is in no turn on record."""
    if evidence.refused is not None:
        return _failed(evidence.refused)
    match evidence.trace:
        case Trace.UNTYPED:
            return Retry(evidence.obstacle or "its session ended before it was typed", used=False)
        case Trace.CUT:
            return _failed("interrupted")
        case Trace.TAKEN_OUT if attempt >= rules.attempts:
            return Dead(f"typed {attempt} times, and each time somebody took it out of the composer")
        case Trace.TAKEN_OUT:
            return Retry("somebody took it out of the composer")
    if evidence.died is None:
        return Dead("typed, and never seen in the agent's record")
    if attempt >= rules.attempts:
        return Dead(f"typed in {attempt} sessions, and none of them took it")
    return Retry("its session ended without it")


def _ended(evidence: Evidence) -> Outcome:
    """Its turn is over, and the session lives. An interrupt leaves no answer; a record that is late or lost does."""
    ending = evidence.ending
    if ending is None:
        return Done(words=evidence.words) if evidence.spoke else _failed("interrupted")
    if ending.outcome == "interrupted":
        return _failed("interrupted")
    if ending.outcome == "error":
        return _failed(ending.error or "the agent reported an error")
    return Done(words=evidence.words)


def _died(attempt: int, evidence: Evidence, rules: Rules, *, asks: bool) -> Outcome:
    """Its session died after the proof. What was answered is done, and not done twice; a question is open."""
    ending = evidence.ending
    ended = ending.outcome if ending is not None else "done" if evidence.spoke else None
    outcome = None if asks and ended == "done" else ended
    if outcome == "done" or (rules.again and evidence.answered):
        return Done(words=evidence.words)
    if rules.again and evidence.died == EndCause.REAPED:
        return Done(LEFT)
    if evidence.died == EndCause.TIMEOUT:
        return Failed(TOO_LONG, EndCause.TIMEOUT)
    error = (ending.error if ending is not None else None) or outcome or f"session died ({evidence.died})"
    return _again(attempt, error, evidence, rules) if rules.again and outcome is None else _failed(error)


def _again(attempt: int, error: str, evidence: Evidence, rules: Rules) -> Outcome:
    """A task whose session died under it: so often, and always if a person ended that."""
    if attempt > rules.retries and evidence.died not in DECIDED:
        return Dead(f"{error}, in each of {attempt} sessions")
    return Retry(error)


def _failed(error: str) -> Failed:
    return Failed(error, error)
