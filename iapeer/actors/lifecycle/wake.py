"""The wake decision: fresh or resumed, and why. Pure: the table of the specification, its rows in order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from iapeer.model.causes import EndCause, WakeCause, WakeMode
from iapeer.store import SessionRecord

_PUT_TO_SLEEP = (EndCause.PARKED, EndCause.STOP)  # ends that a topic can resume from
By = Literal["message", "start", "attach", "compact", "new", "folder-launch", "eager"]


@dataclass(frozen=True, slots=True)
class WakeRequest:
    """What wakes. Of a message: topic, whether a person sent it, whether it answers the last session's question, id."""

    by: By
    topic: str | None = None
    person: bool = False
    answer: bool = False
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """The identity's last session: None for `ended` where there was none.

    `resumable`: its conversation is recorded, and its transcript is there. `rebooted`: the host was, since it began.
    """

    ended: str | None = None
    topics: tuple[str, ...] = ()
    resumable: bool = False
    rebooted: bool = False

    @property
    def parked(self) -> bool:
        """Whether it ended in a way that a topic can resume from."""
        return self.ended in _PUT_TO_SLEEP or (self.ended is not None and self.rebooted)


@dataclass(frozen=True, slots=True)
class Manner:
    """What the profile and the marks say. `faces_person`: the peer's counterpart is a person."""

    ephemeral: bool = False
    always: bool = False
    refresh: bool = False
    faces_person: bool = False


@dataclass(frozen=True, slots=True)
class Wake:
    """What the table says. `misses`: it would resume, and there is nothing to resume."""

    mode: WakeMode
    cause: WakeCause
    misses: bool = False


_FRESH_CALLS = frozenset({"new", "folder-launch", "eager"})


def wake(call: WakeRequest, past: Past, manner: Manner) -> Wake:
    """The first row that fits."""
    row = _row(call, past, manner)
    if row.mode is WakeMode.RESUME or past.ended is None:
        return row
    return replace(row, misses=_row(call, replace(past, resumable=True), manner).mode is WakeMode.RESUME)


def _row(call: WakeRequest, past: Past, manner: Manner) -> Wake:
    if call.by in _FRESH_CALLS:
        return Wake(WakeMode.FRESH, WakeCause(call.by))
    if call.by in ("attach", "compact"):
        if past.resumable:
            return Wake(WakeMode.RESUME, WakeCause.ATTACH)
        return Wake(WakeMode.REFUSED, WakeCause.ATTACH_NOTHING)
    if manner.refresh:
        return Wake(WakeMode.FRESH, WakeCause.REFRESH)
    if manner.ephemeral:
        return Wake(WakeMode.FRESH, WakeCause.EPHEMERAL_POLICY)
    if call.answer and past.resumable:
        return Wake(WakeMode.RESUME, WakeCause.OWN_QUESTION)
    if past.ended is None:
        return Wake(WakeMode.FRESH, WakeCause.FIRST_WAKE)
    if not past.parked:
        return Wake(WakeMode.FRESH, WakeCause.CRASH)
    return _parked(call, past, manner)


def _parked(call: WakeRequest, past: Past, manner: Manner) -> Wake:
    """It was put to sleep: between agents, resuming is opt-in by topic."""
    again = WakeMode.RESUME if past.resumable else WakeMode.FRESH
    reboot = past.rebooted and past.ended not in _PUT_TO_SLEEP
    if manner.always or manner.faces_person or (call.person and call.topic is None) or call.by == "start":
        return Wake(again, WakeCause.REBOOT if reboot else WakeCause.PARKED_HUMAN)
    if call.topic is None:
        return Wake(WakeMode.FRESH, WakeCause.PARKED_NO_TOPIC)
    if call.topic not in past.topics:
        return Wake(WakeMode.FRESH, WakeCause.PARKED_NEW_TOPIC)
    return Wake(again, WakeCause.PARKED_RESUME)


def past_of(last: SessionRecord | None, *, resumable: bool, boot: str | None) -> Past:
    """What the record of the last session tells; `boot` is the id of the host's boot now."""
    if last is None:
        return Past()
    rebooted = last.boot_id is not None and last.boot_id != boot
    return Past(last.end_cause or EndCause.UNKNOWN, tuple(last.topics_list), resumable, rebooted)
