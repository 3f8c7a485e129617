"""Where a message to one identity stands."""

from __future__ import annotations

import itertools
from typing import Annotated

from iapeer.api.fields import From, Identity, MaybeSession, MessageId, Millis, closed, means
from iapeer.fleet.fleet import Fleet
from iapeer.fleet.standing import waits_for
from iapeer.model.states import WAITING, State
from iapeer.store import Row as StoredRow

PREVIEW = 60  # characters


@closed
class Row(From):
    """Where a message to one identity stands."""

    seq: Annotated[int, means("its place in the inbox")]
    message: MessageId
    identity: Identity
    state: State
    reason: Annotated[str | None, means("what holds it up right now, or how it ended")]
    attempt: Annotated[int, means("how often it was typed")]
    retried: Annotated[str | None, means("how the attempt before this one ended; null: this is the first")]
    session: MaybeSession
    outcome: Annotated[str | None, means("how its turn ended")]
    error: Annotated[str | None, means("what went wrong")]
    created_ms: Millis
    updated_ms: Millis
    preview: Annotated[str, means("the first 60 characters of its first line")]


def row_answer(fleet: Fleet, row: StoredRow) -> Row:
    """The answer about a row. The reason of a row that waits is what holds it up right now."""
    reason = waits_for(fleet, row) if row.state in WAITING else row.reason
    return {
        "seq": row.seq, "message": row.message, "identity": row.identity, "from": row.sender, "state": row.state,
        "reason": reason, "attempt": row.attempt, "retried": _retried(fleet, row), "session": row.session,
        "outcome": row.outcome, "error": row.error, "created_ms": row.created_ms, "updated_ms": row.updated_ms,
        "preview": preview(row.body),
    }  # fmt: skip


def _retried(fleet: Fleet, row: StoredRow) -> str | None:
    """Why the attempt before was not the last; None: it is the first."""
    if row.attempt == 1:
        return None
    attempts = fleet.context.store.activations.of(row.message)
    return next((attempt.outcome for attempt in reversed(attempts) if attempt.attempt == row.attempt - 1), None)


def preview(body: str) -> str:
    """The beginning of a body's first line, without what is not seen."""
    first = body.strip().split("\n", 1)[0]
    return "".join(itertools.islice(filter(str.isprintable, first), PREVIEW))
