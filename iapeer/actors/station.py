"""The state of one identity: its session, the message in flight, its failures. Owned by its one actor."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from iapeer.actors.booting import Boot
from iapeer.actors.decide import Limits, Memory
from iapeer.actors.guard import Guard
from iapeer.model.causes import EndCause
from iapeer.model.envelope import Envelope, wire
from iapeer.model.holds import HoldCause
from iapeer.model.names import split_identity
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.records import Key
from iapeer.sessions.context import Context
from iapeer.sessions.live import Ended, LiveSession
from iapeer.sessions.observation import Observation, activity, background, works
from iapeer.sessions.privatefiles import first_words
from iapeer.store import Row


class Holding(Protocol):
    """Sets and releases the causes that are an actor's, each call a part; how many rows, 0: all of it is done."""

    def hold(self, who: str, cause: HoldCause) -> int:
        """Set the cause on what waits free for the identity."""

    def release(self, who: str, cause: HoldCause) -> int:
        """Take the cause from what it holds of the identity."""


@dataclass(frozen=True)
class Telling:
    """Whom the actor tells of a message: `done(row, last words)` right before its turn's good end is recorded,
    `over(row)` once it is final; `fresh(personality)`: a fresh session of the peer is wanted, its agent gave one up.
    `holds`: who holds what waits.
    """

    done: Callable[[Row, str], None]
    over: Callable[[Row], None]
    fresh: Callable[[str], None]
    holds: Holding


@dataclass
class Station:
    """What the actor of one identity knows."""

    context: Context
    identity: str
    telling: Telling
    running: LiveSession | None = None
    observation: Observation | None = None
    boot: Boot | None = None
    stuck: str | None = None  # why a start waits for a person
    attempt: Memory | None = None
    text: str | None = None  # the wire text of the message in flight
    asks: str | None = None  # why its session, which had been ready, waits for a person, as an event last said it
    mode_since: float | None = None  # a person in copy mode keeps a message waiting since
    people: int = 0
    looked: float = 0.0  # when the screen was last read, monotonic seconds
    active: float = 0.0  # when something last happened in the session, monotonic seconds
    working: float | None = None  # since when a turn is open, monotonic seconds
    worker: bool = False  # by the profile as it could last be read
    outlasted: int | None = None  # the turn (by its beginning) whose end work beside it outlasts
    rested: float | None = None  # since when that work is over, monotonic seconds
    held: bool = False  # a person keeps a worker's tasks out
    last_ms: int | None = None  # the newest time in its transcript
    beside_ms: int | None = None  # the newest time in its helpers' records, as far as they were read
    unreachable: str | None = None  # why a session that lives cannot be taken over
    guard: Guard = field(default_factory=Guard)
    born: float = 0.0  # when its newest session was launched, or found alive; monotonic seconds
    ending: tuple[EndCause, Ended, str | None] | None = None  # (cause, how, why) of an end that is not settled yet
    failed: str | None = None  # what its last launch said, if that failed

    @property
    def runtime(self) -> str:
        return split_identity(self.identity)[0]

    @property
    def personality(self) -> str:
        return split_identity(self.identity)[1]

    def now(self) -> float:
        """Monotonic seconds."""
        return self.context.clock.monotonic()

    def live(self) -> LiveSession:
        """The session, where the caller knows that there is one."""
        if self.running is None:
            raise AssertionError("there is no session")
        return self.running

    def limits(self, adapter: Adapter) -> Limits:
        """The waits of a delivery, with the adapter's own."""
        typing = adapter.typing
        return Limits(gap=typing.gap_ms / 1000, retry=typing.retry_ms / 1000, enters=typing.max_submits)

    def wire_of(self, row: Row) -> str:
        """The text that is typed for a row, the same whenever it is asked for while the row is in this session."""
        first = first_words(self.context.layout, row.session) if row.session else ""
        if first and self.context.store.activations.typed_before(row.session or "", row.message):
            first = ""
        return wire_of(row, first)

    def saw(self, observation: Observation) -> None:
        """Take notice of activity. Not by the wall clock, which may jump: by what is new since the last look."""
        at_work = (
            self.attempt is not None or observation.people > 0 or self.people > 0
        )  # a person who has just left, too
        if at_work or observation.turn.last_ms != self.last_ms:
            self.active = self.now()
        self.last_ms = observation.turn.last_ms
        self.working = (self.working if self.working is not None else self.now()) if works(observation) else None
        if background(observation):
            self.outlasted, self.rested = observation.turn.opened, None
        elif self.rested is None:
            self.rested = self.now()

    def tell_asked(self, reason: str | None) -> None:
        """Tell once that the session waits for a person, and why (None: it does not), and once that it is over."""
        before, self.asks = self.asks, reason
        if reason is not None and reason != before:
            self.tell("blocked", reason=reason)
        elif reason is None and before is not None:
            self.tell("unblocked", reason=before)

    def heard(self, beside_ms: int | None) -> None:
        """Take notice of its helpers' newest record, by how much newer it is than the session's own."""
        if beside_ms is None or beside_ms == self.beside_ms:
            return
        newer_s = (beside_ms - max(self.beside_ms or 0, self.last_ms or 0)) / 1000
        self.active = min(self.now(), self.active + max(0.0, newer_s))
        self.beside_ms = beside_ms

    def clear(self) -> None:
        """There is no session any more."""
        self.running = self.observation = self.boot = self.stuck = self.attempt = self.text = self.ending = None
        self.asks = None
        self.mode_since = self.working = self.last_ms = self.beside_ms = self.outlasted = self.rested = None
        self.people = 0

    def activity(self) -> tuple[str, str | None]:
        """(idle | busy | blocked, why blocked) of the live session as last seen."""
        if self.stuck is not None:
            return "blocked", self.stuck
        if self.observation is None or self.running is None or not self.running.ready:
            return "busy", None
        seen, why = activity(self.observation, self.context.now_ms())
        working = seen == "idle" and self.attempt is not None  # the look is older than what we typed
        return ("busy", None) if working else (seen, why)

    def tell(self, ev: str, message: str | None = None, **data: str | int | float | None) -> None:
        """An event about this identity."""
        session = self.running.id if self.running else None
        self.context.store.events.append(
            ev, personality=self.personality, identity=self.identity, message=message, session=session, **data
        )


def wire_of(row: Row, first_words: str) -> str:
    """The text that is typed for a row."""
    return wire(
        Envelope(
            id=row.message, sender=row.sender, runtime=row.sender_runtime, intelligence=row.sender_intelligence,
            body=row.body, kind=row.kind, topic=row.topic, re=row.re, attempt=row.attempt, attachments=row.attachments,
            asks=row.asks,
        ),
        first_words,
    )  # fmt: skip


def key_of(row: Row) -> Key:
    """What tells this attempt's envelope from others in a transcript."""
    return row.message, row.attempt


def mark_of(row: Row) -> str:
    """The mark that tmux keeps of this attempt."""
    return f"{row.message}:{row.attempt}"


def baseline_of(running: LiveSession) -> str:
    """Where the proof of a message typed now will begin."""
    return json.dumps(running.baseline())
