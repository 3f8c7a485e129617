"""What goes into the store and what comes out. All times are integer milliseconds since 1970."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from iapeer.model.holds import HoldCause, shown
from iapeer.model.states import State

URGENT, ANSWER = 1, 2  # priorities: an answer to a worker's own question goes before any task

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"


@dataclass(frozen=True, slots=True)
class Peer:
    """A registered peer. `stopped` is the intent that outlives everything until `start`."""

    personality: str
    folder: str
    stopped: bool
    created_ms: int


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to accept. `asks`: its sender wants an answer.

    `held`: the causes with which it goes straight into `held`; `settled` the outcome with which it is done at once,
    for it is only to be read. `wish` is (topic, re, asks) as the sender gave them, where they were filled in.
    """

    id: str
    sender: str
    sender_runtime: str
    sender_intelligence: str
    to: str
    identity: str
    body: str
    kind: str = "work"
    topic: str | None = None
    re: str | None = None
    attachments: tuple[str, ...] = ()
    priority: int = 0
    not_before_ms: int | None = None
    expires_ms: int | None = None
    key: str | None = None
    asks: bool = False
    held: frozenset[HoldCause] = frozenset()
    settled: str | None = None
    wish: tuple[str | None, str | None, bool] | None = None

    def fingerprint(self) -> str:
        """A digest of the content: who is told what.

        Left out is what may differ when the same call is repeated a minute later: runtime, times, and what was filled
        in: a topic, a `re`, the asking of a call that waits for the answer.
        """
        wish = self.wish or (self.topic, self.re, self.asks)
        content = json.dumps([self.to, *wish, self.body, list(self.attachments)])
        return hashlib.sha256(content.encode()).hexdigest()

    def row(self, seq: int, state: State, now: int) -> Row:
        """The row it becomes when it is accepted at `now`, as it would be read again."""
        return Row(
            seq=seq, message=self.id, identity=self.identity, state=state, reason=shown(self.held), attempt=1,
            activation=None, session=None, baseline=None, typed_ms=None, not_before_ms=self.not_before_ms,
            expires_ms=self.expires_ms, priority=self.priority, outcome=self.settled, error=None, created_ms=now,
            updated_ms=now,
            sender=self.sender, sender_runtime=self.sender_runtime, sender_intelligence=self.sender_intelligence,
            to=self.to, kind=self.kind, topic=self.topic, re=self.re, key=self.key, asks=self.asks, body=self.body,
            attachments=self.attachments,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """An inbox row joined with its message and its activation.

    `activation` is the one that holds the row, or that held it last and ended it; None: no session has it, or had its
    last attempt. `session`, `baseline` and `typed_ms` are that activation's.
    """

    seq: int
    message: str
    identity: str
    state: State
    reason: str | None
    attempt: int
    activation: int | None
    session: str | None
    baseline: str | None
    typed_ms: int | None
    not_before_ms: int | None
    expires_ms: int | None
    priority: int
    outcome: str | None
    error: str | None
    created_ms: int
    updated_ms: int
    sender: str
    sender_runtime: str
    sender_intelligence: str
    to: str
    kind: str
    topic: str | None
    re: str | None
    key: str | None
    asks: bool
    body: str
    attachments: tuple[str, ...]


# The fields of Row, in order, as columns of `inbox i JOIN messages m LEFT JOIN activations a`.
ROW_COLUMNS = (
    "i.seq, i.message, i.identity, i.state, i.reason, i.attempt, i.activation, a.session, a.baseline, a.typed_ms, "
    "i.not_before_ms, i.expires_ms, i.priority, i.outcome, i.error, i.created_ms, i.updated_ms, m.sender, "
    "m.sender_runtime, m.sender_intelligence, m.addressee, m.kind, m.topic, m.re, m.key, m.asks, m.body, m.attachments"
)


def read_row(values: tuple[Any, ...]) -> Row:
    """The Row of one result line of ROW_COLUMNS."""
    seq, message, identity, state, *rest, asks, body, attachments = values
    fields: list[Any] = [seq, message, identity, State(state), *rest, bool(asks), read_body(body)]
    fields.append(tuple(json.loads(attachments)))
    return Row(*fields)


@dataclass(frozen=True, slots=True)
class Activation:
    """One attempt: rows that a session took, from the lease until it is settled what became of them.

    `key` with `attempt` is what tells its text from others: the message's id, where it is one message. `state` is that
    of its rows; once it is over (`ended_ms`), the one that it brought them to, with `outcome`: how, or why they went
    back. `baseline` is JSON text of its writer's own, `evidence` JSON of what proved it and how it was judged.
    """

    id: int
    identity: str
    session: str
    key: str
    attempt: int
    state: State
    baseline: str | None
    typed_ms: int | None
    started_ms: int
    ended_ms: int | None
    outcome: str | None
    evidence: str | None


def read_activation(values: tuple[Any, ...]) -> Activation:
    """The Activation of one line of its table."""
    id, identity, session, key, attempt, state, *rest = values
    return Activation(id, identity, session, key, attempt, State(state), *rest)


def write_body(body: str) -> bytes:
    """A body as it is stored: exact, halves of surrogate pairs and NUL included."""
    return body.encode("utf-8", "surrogatepass")


def read_body(stored: bytes) -> str:
    """What `write_body` was given."""
    return stored.decode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """One launch of one agent, alive or over. `pid_started` and `server_started` are seconds since 1970.

    `version` is what its program told at the launch; None: nothing. `port` is the mark of the loopback port, with its
    certificate, that it was launched to call; None: not known.
    """

    id: str
    identity: str
    personality: str
    mode: str
    cause: str
    conversation: str | None = None
    transcript: str | None = None
    folder: str
    pid: int | None = None
    pid_started: float | None = None
    server_pid: int | None = None
    server_started: float | None = None
    boot_id: str | None = None
    started_ms: int
    ready_ms: int | None = None
    ended_ms: int | None = None
    end_cause: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    last_screen: str | None = None
    token_hash: str | None = None
    log_offset: int = 0
    topics: str = "[]"  # JSON
    version: str | None = None
    port: str | None = None

    @property
    def topics_list(self) -> list[str]:
        """What its messages were about, the newest last."""
        return list(json.loads(self.topics))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `data` never holds a body or a token."""

    seq: int
    ts: int
    ev: str
    personality: str | None
    identity: str | None
    message: str | None
    session: str | None
    data: dict[str, JSON] = field(default_factory=dict)

    def flat(self) -> dict[str, JSON]:
        """The EVENT of the HTTP API: the common fields, then those of `data`, which cannot hide a common one."""
        common: dict[str, JSON] = {
            "seq": self.seq,
            "ts": self.ts,
            "ev": self.ev,
            "personality": self.personality,
            "identity": self.identity,
            "message": self.message,
            "session": self.session,
        }
        return {**common, **self.data, **common}
