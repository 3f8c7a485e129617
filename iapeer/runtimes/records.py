"""Reading an agent's transcript: its own records, turned into a few events, and the turn they add up to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from iapeer.model.envelope import decode
from iapeer.runtimes.transcripttables import Above, Condition, Matches, Not, Record, Transcript

_MISSING = object()
_EPOCH_DIGITS = 15
_STEP_MS = 10_000  # no batch is written so late: what is dated earlier was dated by a clock that was set back
_PAST = 8  # messages of turns before the last, whose ends are kept

Key = tuple[str, int]  # (message id, attempt)


@dataclass(frozen=True, slots=True)
class Entry:
    """One transcript record as iapeer understands it.

    `ms` is its own time, or None; `words` what of an error's text a person is told, None: all of it.
    """

    event: str
    text: str
    ms: int | None
    reason: str | None = None
    reset: int | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a turn ended, and its last words."""

    outcome: str | None
    error: str | None
    words: str


@dataclass(frozen=True, slots=True)
class Turn:
    """The state of a conversation's turn after some entries.

    Times decide, not the order in the file: a program that writes in batches may put a turn's end before its
    beginning. An entry without a time of its own counts as the newest; so does one that is dated long before what
    was written earlier, for the clock was set back: what follows it is dated from there on.
    """

    open: bool = False
    outcome: str | None = None  # of the last closed turn: done | interrupted | error
    error: str | None = None
    reason: str | None = None
    reset: int | None = None
    said: str = ""  # the agent's latest text, and its time
    said_ms: int = 0
    answered: bool = False  # the agent meant to end the open turn with that text; other records may still keep it open
    last_ms: int | None = None
    opened: int = 0
    closed: int = 0
    compactions: int = 0
    compacting: bool = False  # the open turn is a compaction and nothing else
    set_back: int = 0  # by how much the clock was, milliseconds
    arrived: frozenset[Key] = frozenset()  # the envelopes that entered a turn
    refused: tuple[tuple[Key, str], ...] = ()  # those that were kept from one, and why
    here: tuple[tuple[Key, int], ...] = ()  # those of them that entered this one, and when
    past: tuple[tuple[Key, Ending], ...] = ()  # those of turns before it

    def ending(self, key: Key) -> Ending | None:
        """How the turn that this message entered ended, whatever came after it; None while it is open.

        A message that is on no record here (another conversation was begun) ends with the turn there is, wordless.
        """
        known = dict(self.past)
        if key in known:
            return known[key]
        mine = any(key == other for other, _ in self.here)
        return None if self.open else Ending(self.outcome, self.error, self.last_words if mine else "")

    @property
    def last_words(self) -> str:
        """The latest text if it belongs to the last turn, the open or the closed one; else nothing."""
        return self.said if self.said_ms >= self.opened else ""

    def after(self, entry: Entry) -> Turn:
        """The turn once `entry` has been written."""
        newest = max(self.opened, self.closed, self.said_ms)
        when = entry.ms + self.set_back if entry.ms is not None else newest
        if when < newest - _STEP_MS:
            return replace(self, set_back=self.set_back + newest - when + 1, last_ms=None).after(entry)
        turn = self if entry.ms is None else replace(self, last_ms=max(entry.ms, self.last_ms or 0))
        if entry.event in ("user-turn", "queued-input", "turn-start"):
            return replace(turn._begun(when), compacting=False)._took(entry, when)
        if entry.event in ("assistant", "answer"):
            turn = replace(turn, answered=entry.event == "answer") if when >= self.opened else turn
            return replace(turn, said=entry.text, said_ms=when) if entry.text and when >= self.said_ms else turn
        if entry.event == "compacting":
            return turn if self.open else replace(turn._begun(when), compacting=True)
        if entry.event == "compacted":
            counted = replace(turn, compactions=self.compactions + 1, compacting=False)
            return counted._over(when, "done") if self.compacting else counted
        if entry.event == "turn-end":
            return turn._over(when, self.outcome or "done")
        if entry.event == "interrupted":
            return turn._over(when, "interrupted")
        if entry.event == "error":
            return turn._over(when, "error", entry)
        if entry.event == "refused":
            return turn._refused(entry)
        return turn

    def _refused(self, entry: Entry) -> Turn:
        """Note which prompt a rule of the user's kept from the model, and why; of somebody else's there is nothing."""
        envelope = decode(entry.text)
        if envelope is None:
            return self
        return replace(self, refused=(*self.refused, ((envelope.id, envelope.attempt), _words(entry)))[-_PAST:])

    def _took(self, entry: Entry, when: int) -> Turn:
        envelope = decode(entry.text) if entry.event != "turn-start" else None
        if envelope is None:
            return self
        key = (envelope.id, envelope.attempt)
        return replace(self, arrived=self.arrived | {key}, here=(*self.here, (key, when)))

    def _begun(self, when: int) -> Turn:
        if when < self.closed:
            return self
        answered = self.answered and self.said_ms >= when  # written before its own beginning
        fresh = replace(self, open=True, opened=when, answered=answered)
        if self.open:
            return fresh
        return replace(fresh._left(self.closed, self), outcome=None, error=None, reason=None, reset=None)

    def _over(self, when: int, outcome: str, failed: Entry | None = None) -> Turn:
        error = _words(failed) if failed else self.error
        if when < self.opened:  # the end of the turn before, written after this one's beginning
            said = self.said if self.said_ms <= when else ""
            began = min((at for _, at in self.here), default=when)
            return self._left(when, replace(self, outcome=outcome, error=error, said=said, opened=began))
        over = replace(self, open=False, closed=max(when, self.closed), outcome=outcome, error=error)
        return replace(over, reason=failed.reason, reset=failed.reset) if failed else over

    def _left(self, when: int, ended: Turn) -> Turn:
        """What entered until `when` was in a turn that is over, as `ended` has it."""
        ending = Ending(ended.outcome, ended.error, ended.last_words)
        left = tuple((key, ending) for key, at in self.here if at <= when)
        return replace(
            self, here=tuple((key, at) for key, at in self.here if at > when), past=(*self.past, *left)[-_PAST:]
        )


def _words(entry: Entry) -> str:
    return (entry.words if entry.words is not None else entry.text).strip()[:300]


def fold(turn: Turn, entries: Iterable[Entry]) -> Turn:
    """The turn after all `entries`."""
    for entry in entries:
        turn = turn.after(entry)
    return turn


def entries_of(rules: Transcript, records: Iterable[dict[str, Any]]) -> list[Entry]:
    """The entries that these records are. One of no known kind says nothing."""
    entries = []
    for record in records:
        rule = next((rule for rule in rules.records if meets(rule.when, record)), None)
        if rule is not None:
            entries.append(_entry(rules, rule, record))
    return entries


def _entry(rules: Transcript, rule: Record, record: dict[str, Any]) -> Entry:
    text = text_of(dig(record, rule.text)) if rule.text else ""
    reset = rule.reset.search(json.dumps(record)) if rule.reset else None
    epoch = int(reset["epoch"]) if reset and len(reset["epoch"]) <= _EPOCH_DIGITS else None
    said = rule.words.search(text) if rule.words else None
    return Entry(rule.event, text, time_of(rules.time, record), rule.reason, epoch, said["words"] if said else None)


def time_of(places: Iterable[str], record: dict[str, Any]) -> int | None:
    """When the record was written by its own account, milliseconds: the first of `places` that holds a time."""
    return next((ms for place in places if (ms := millis(dig(record, place))) is not None), None)


def meets(conditions: Mapping[str, Condition], record: dict[str, Any]) -> bool:
    """Whether all `conditions` hold of the record."""
    return all(_meets(condition, dig(record, path)) for path, condition in conditions.items())


def _meets(condition: Condition, value: object) -> bool:
    if isinstance(condition, Not):
        return value is _MISSING or value != condition.not_
    if isinstance(condition, Matches):
        return value is not _MISSING and condition.matches.search(text_of(value)) is not None
    if isinstance(condition, Above):
        return isinstance(value, int | float) and value > condition.above
    if isinstance(condition, list):
        return value in condition
    return value == condition and value is not _MISSING


def dig(record: object, path: str) -> object:
    """The value at a dotted path; list items by number. A sentinel where there is none."""
    for part in path.split("."):
        if isinstance(record, dict):
            record = record.get(part, _MISSING)
        elif isinstance(record, list) and part.isdigit() and int(part) < len(record):
            record = record[int(part)]
        else:
            return _MISSING
    return record


def values(record: object, *paths: str | None) -> list[object]:
    """The values at these dotted paths; None where there is none, or no path."""
    dug = [dig(record, path) if path else None for path in paths]
    return [None if value is _MISSING else value for value in dug]


def found(value: object) -> bool:
    """Whether `dig` found something."""
    return value is not _MISSING and value is not None


def text_of(value: object) -> str:
    """A string as it is; of a list of blocks, the text of its text blocks, joined.

    Programs call such a block text, Text, input_text or output_text.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(
            str(block.get("text", "")) for block in value if isinstance(block, dict) and _is_text(block.get("type"))
        )
    return ""


def _is_text(kind: object) -> bool:
    return isinstance(kind, str) and kind.lower().rpartition("_")[2] == "text"


def millis(value: object) -> int | None:
    """Milliseconds from a number or a date as programs write them; None where there is no sense in it."""
    try:
        if isinstance(value, str):
            return int(datetime.fromisoformat(value).timestamp() * 1000)
        return int(value) if isinstance(value, int | float) else None
    except (ValueError, OverflowError):  # NaN, infinity, the year 1
        return None
