"""Settling a message whose session is over: by what the dead session left behind."""

from __future__ import annotations

import json
from collections.abc import Callable

from iapeer.actors.reaping import REAPED, TIMEOUT
from iapeer.actors.station import key_of, mark_of
from iapeer.model.names import split_identity
from iapeer.model.states import OPEN, State
from iapeer.runtimes.adapter import Transcript
from iapeer.runtimes.records import Ending, Turn
from iapeer.sessions.context import Context
from iapeer.sessions.filewatch import places_of
from iapeer.sessions.follower import Follower, Position
from iapeer.store import Row, SessionRecord

MAX_ATTEMPTS = 5
DECIDED = frozenset({"stop", "new"})  # a person ended the session: no fault of the task
LEFT = "left"  # outcome: the agent had said that it was done, and ended by itself before its turn was over
TOO_LONG = "its turn took longer than the peer's timeout_secs"
MAX_RETRIES = 2  # of a task whose session died after the proof


async def evidence(context: Context, row: Row, session: SessionRecord | None, pasted: str | None) -> Turn | None:
    """Read what the dead session left of `row`; None: by tmux's last mark (`pasted`, None: not known) it was not typed.

    PeerError when its adapter cannot be read now: nothing is guessed.
    """
    untyped = pasted is not None and pasted != mark_of(row) and row.state not in OPEN
    return None if untyped else await _last_turn(context, row, session)


def settle(
    context: Context, row: Row, session: SessionRecord | None, turn: Turn | None, done: Callable[[Row, str], None],
    *, again: bool = False,
) -> Row:  # fmt: skip
    """Move `row`, whose session is dead, to where it belongs by the evidence `turn`.

    `done` is told of a turn that ended well, with its last words, before that is recorded.

    In a turn: done if the turn ended, else failed; with `again` it comes back, at most twice. Refused by a rule of the
    user's: failed. Typed without proof: once more, in a new session. Not typed: as it was.
    """
    if turn is None:
        return context.store.inbox.move(
            row.message, State.QUEUED, session=row.session, reason="its session ended before it was typed"
        )
    if row.state not in OPEN and key_of(row) in turn.arrived:
        row = context.store.inbox.move(row.message, State.RUNNING, session=row.session)
    if row.state in OPEN:
        return _close(context, row, session, turn, done, again)
    refusal = dict(turn.refused).get(key_of(row))
    if refusal is not None:
        return context.store.inbox.move(row.message, State.FAILED, session=row.session, outcome=refusal, error=refusal)
    if row.attempt >= MAX_ATTEMPTS:
        error = f"typed in {row.attempt} sessions, and none of them took it"
        return context.store.inbox.move(row.message, State.DEAD, session=row.session, outcome=error, error=error)
    return context.store.inbox.move(
        row.message, State.QUEUED, session=row.session, attempt=row.attempt + 1, reason="its session ended without it"
    )


def _close(
    context: Context, row: Row, session: SessionRecord | None, turn: Turn, done: Callable[[Row, str], None], again: bool
) -> Row:
    ending = turn.ending(key_of(row)) or Ending("done" if turn.answered else None, None, turn.last_words)
    if ending.outcome == "done" or (
        again and context.store.messages.reply_to(row) is not None
    ):  # answered is done, not done twice
        done(row, ending.words)
        return context.store.inbox.move(row.message, State.DONE, session=row.session, outcome="ok")
    cause = session.end_cause if session and session.end_cause else "unknown"
    if again and cause == REAPED:
        return context.store.inbox.move(row.message, State.DONE, session=row.session, outcome=LEFT)
    if cause == TIMEOUT:
        return context.store.inbox.move(row.message, State.FAILED, session=row.session, outcome=TIMEOUT, error=TOO_LONG)
    error = ending.error or ending.outcome or f"session died ({cause})"
    if again and ending.outcome is None:
        return _again(context, row, error, ours=cause in DECIDED)
    return context.store.inbox.move(row.message, State.FAILED, session=row.session, outcome=error, error=error)


def _again(context: Context, row: Row, error: str, *, ours: bool) -> Row:
    """A worker's task whose session died under it: it comes back in its place, at most twice; `ours`: always."""
    if row.attempt > MAX_RETRIES and not ours:
        error = f"{error}, in each of {row.attempt} sessions"
        return context.store.inbox.move(row.message, State.DEAD, session=row.session, outcome=error, error=error)
    return context.store.inbox.move(
        row.message, State.QUEUED, session=row.session, attempt=row.attempt + 1, reason=error
    )


def _rules(context: Context, row: Row, session: SessionRecord | None) -> Transcript:
    """How the records read that the dead session wrote: by its own version, not by the one installed now."""
    if session is not None:
        return context.adapter_of(session).transcript
    return context.catalogue.get(split_identity(row.identity)[0]).adapter.transcript


async def _last_turn(context: Context, row: Row, session: SessionRecord | None) -> Turn:
    """The turn that the dead session's records add up to, from the row's baseline on.

    It was typed into the conversation of the baseline; the session may have begun another one since.
    """
    baseline = Position(**json.loads(row.baseline)) if row.baseline else Position()
    rules = _rules(context, row, session)
    turn = Turn()
    for pattern in dict.fromkeys((baseline.path, session.transcript if session else None)):
        path = places_of(pattern)[0] if pattern else None
        if path is not None:
            at = baseline if str(path) == baseline.path else Position()
            turn = await Follower(rules, str(path), 0, at.offset, at.file).read_all()
        if key_of(row) in turn.arrived:
            break
    return turn
