"""The wake decision: fresh or resumed, and why. Pure: the table of the specification, its rows in order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from iapeer.store import SessionRecord

PARKED, STOPPED = "parked", "stop"
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
        return self.ended in (PARKED, STOPPED) or (self.ended is not None and self.rebooted)


@dataclass(frozen=True, slots=True)
class Manner:
    """What the profile and the marks say. `faces_person`: the peer's counterpart is a person."""

    ephemeral: bool = False
    always: bool = False
    refresh: bool = False
    faces_person: bool = False


@dataclass(frozen=True, slots=True)
class Wake:
    """fresh | resume, or refused. `misses`: the table would resume, and there is nothing to resume."""

    mode: Literal["fresh", "resume", "refused"]
    cause: str
    misses: bool = False


_FRESH_CALLS = frozenset({"new", "folder-launch", "eager"})


def wake(call: WakeRequest, past: Past, manner: Manner) -> Wake:
    """The first row that fits."""
    found = _row(call, past, manner)
    if found.mode == "resume" or past.ended is None:
        return found
    return replace(found, misses=_row(call, replace(past, resumable=True), manner).mode == "resume")


def _row(call: WakeRequest, past: Past, manner: Manner) -> Wake:
    if call.by in _FRESH_CALLS:
        return Wake("fresh", call.by)
    if call.by in ("attach", "compact"):
        return Wake("resume", "attach") if past.resumable else Wake("refused", "attach-nothing-to-resume")
    if manner.refresh:
        return Wake("fresh", "refresh")
    if manner.ephemeral:
        return Wake("fresh", "ephemeral-policy")
    if call.answer and past.resumable:
        return Wake("resume", "reply-to-own-question")
    if past.ended is None:
        return Wake("fresh", "first-wake")
    if not past.parked:
        return Wake("fresh", "crash-or-self-close")
    return _parked(call, past, manner)


def _parked(call: WakeRequest, past: Past, manner: Manner) -> Wake:
    """It was put to sleep: between agents, resuming is opt-in by topic."""
    again: Literal["fresh", "resume"] = "resume" if past.resumable else "fresh"
    reboot = past.rebooted and past.ended not in (PARKED, STOPPED)
    if manner.always or manner.faces_person or (call.person and call.topic is None) or call.by == "start":
        return Wake(again, "reboot" if reboot else "parked-human")
    if call.topic is None:
        return Wake("fresh", "parked-no-topic")
    if call.topic not in past.topics:
        return Wake("fresh", "parked-new-topic")
    return Wake(again, "parked-resume")


def past_of(last: SessionRecord | None, *, resumable: bool, boot: str | None) -> Past:
    """What the record of the last session tells; `boot` is the id of the host's boot now."""
    if last is None:
        return Past()
    rebooted = last.boot_id is not None and last.boot_id != boot
    return Past(last.end_cause or "unknown", tuple(last.topics_list), resumable, rebooted)
