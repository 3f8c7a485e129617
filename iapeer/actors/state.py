"""What the actor of one identity knows: of the identity as long as it lives, of its session as long as that does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from iapeer.actors.asking import is_worker
from iapeer.actors.delivery.memory import Memory
from iapeer.actors.lifecycle.boot import Boot
from iapeer.actors.lifecycle.guard import Guard
from iapeer.model.causes import EndCause
from iapeer.model.envelope import Envelope, wire
from iapeer.model.holds import HoldCause
from iapeer.model.names import split_identity
from iapeer.model.timing import DeliveryWaits
from iapeer.peers.profile import Profile
from iapeer.runtimes.records import Key
from iapeer.sessions.context import Context
from iapeer.sessions.live import Ended, LiveSession
from iapeer.sessions.observation import Observation, activity, background, blocked, works
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
class SessionState:
    """What is known of one live session: made when it is launched or found again, dropped with its end.

    Times are monotonic seconds.
    """

    live: LiveSession
    born: float  # when it was launched, or found alive
    active: float  # when something last happened in it
    observation: Observation | None = None  # the last look
    looked: float = 0.0  # when that was
    looked_ms: int = 0  # the same, wall time
    boot: Boot | None = None  # what is remembered of its start; None: it is over
    stuck: str | None = None  # why its start waits for a person
    blocked: str | None = None  # why it cannot take input, by the last look at an agent that lives
    asks: str | None = None  # why it waits for a person, having been ready, as an event last said it
    attempt: Memory | None = None  # what is remembered of the delivery in flight
    text: str | None = None  # the wire text of the message, or the command, that is being typed
    mode_since: float | None = None  # a person in copy mode keeps a message waiting since
    dismissed: str | None = None  # the screen on which a menu was last closed
    people: int = 0
    working: float | None = None  # since when a turn is open
    outlasted: int | None = None  # the turn (by its beginning) whose end work beside it outlasts
    rested: float | None = None  # since when that work is over
    last_ms: int | None = None  # the newest time in its transcript
    beside_ms: int | None = None  # the newest time in its helpers' records, as far as they were read
    ending: tuple[EndCause, Ended, str | None] | None = None  # (cause, how, why) of an end that is not settled yet

    def note(self, observation: Observation, now: float, now_ms: int) -> None:
        """Take notice of a look. Activity goes by what is new since the last look: the wall clock may jump."""
        self.observation, self.looked, self.looked_ms = observation, now, now_ms
        self.blocked = blocked(observation, now_ms) if not observation.gone else None
        at_work = self.attempt is not None or observation.people > 0 or self.people > 0  # who has just left, too
        if at_work or observation.turn.last_ms != self.last_ms:
            self.active = now
        self.last_ms = observation.turn.last_ms
        self.working = (self.working if self.working is not None else now) if works(observation) else None
        if background(observation):
            self.outlasted, self.rested = observation.turn.opened, None
        elif self.rested is None:
            self.rested = now

    def note_helpers(self, beside_ms: int | None, now: float) -> None:
        """Take notice of its helpers' newest record, by how much newer it is than the session's own."""
        if beside_ms is None or beside_ms == self.beside_ms:
            return
        newer_s = (beside_ms - max(self.beside_ms or 0, self.last_ms or 0)) / 1000
        self.active = min(now, self.active + max(0.0, newer_s))
        self.beside_ms = beside_ms

    def seen(self) -> Observation:
        """The last look, where the caller knows that there was one."""
        if self.observation is None:
            raise AssertionError("the session was not looked at")
        return self.observation

    def forget_delivery(self) -> None:
        """Nothing is in flight any more, or what was in mind of it may be untrue."""
        self.attempt = self.text = None

    def activity(self, now_ms: int) -> tuple[str, str | None]:
        """Return (idle | busy | blocked, why blocked), as last seen."""
        if self.stuck is not None:
            return "blocked", self.stuck
        if self.observation is None or not self.live.ready:
            return "busy", None
        seen, why = activity(self.observation, now_ms)
        working = seen == "idle" and self.attempt is not None  # the look is older than what we typed
        return ("busy", None) if working else (seen, why)

    def waits(self, waits: DeliveryWaits) -> DeliveryWaits:
        """The waits of a delivery, with the adapter's own."""
        typing = self.live.adapter.typing
        return replace(waits, gap=typing.gap_ms / 1000, retry=typing.retry_ms / 1000, enters=typing.max_submits)


@dataclass
class IdentityState:
    """What is known of one identity, as long as its actor lives. `session`: None while it has none."""

    context: Context
    identity: str
    telling: Telling
    session: SessionState | None = None
    guard: Guard = field(default_factory=Guard)
    failed: str | None = None  # what its last launch said, if that failed
    unreachable: str | None = None  # why a session that lives cannot be taken over
    worker: bool = False  # by the profile as it could last be read
    held: bool = False  # a person keeps a worker's tasks out
    guarded: bool = False  # the guard may hold rows
    eager: bool = False  # a fresh session is wanted, whether or not a message waits
    runtime: str = field(init=False)
    personality: str = field(init=False)
    now: Callable[[], float] = field(init=False)  # monotonic seconds

    def __post_init__(self) -> None:
        self.runtime, self.personality = split_identity(self.identity)
        self.now = self.context.clock.monotonic

    @property
    def live(self) -> LiveSession | None:
        """The live session; None: there is none."""
        return self.session.live if self.session is not None else None

    def is_worker(self, profile: Profile | None) -> bool:
        """Whether every task has a session of its own here; by what could last be read where `profile` is None."""
        return is_worker(profile) if profile is not None else self.worker

    def current(self) -> SessionState:
        """The session's state, where the caller knows that there is one."""
        if self.session is None:
            raise AssertionError("there is no session")
        return self.session

    def wire_of(self, row: Row) -> str:
        """The text that is typed for a row, the same whenever it is asked for while the row is in this session."""
        first = first_words(self.context.layout, row.session) if row.session else ""
        if first and self.context.store.activations.typed_before(row.session or "", row.message):
            first = ""
        return wire_of(row, first)

    def tell(self, ev: str, message: str | None = None, **data: str | int | float | None) -> None:
        """Record an event about this identity."""
        session = self.session.live.id if self.session is not None else None
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


def baseline_of(live: LiveSession) -> str:
    """Where the proof of a message typed now will begin."""
    return json.dumps(live.baseline())
