"""Settling a message whose activation is over: what a dead session left of it, and putting an outcome on record."""

from __future__ import annotations

import asyncio
import functools
import json

from iapeer.actors.delivery.settle import Dead, Done, Evidence, Failed, NeedsInput, Outcome, Retry, Trace
from iapeer.actors.state import Telling, key_of, mark_of
from iapeer.model import errors
from iapeer.model.names import split_identity
from iapeer.model.states import FINAL, OPEN, UNPROVEN, State
from iapeer.runtimes.records import Turn
from iapeer.runtimes.transcripttables import Transcript
from iapeer.sessions.context import Context
from iapeer.sessions.elsewhere import conversation_with
from iapeer.sessions.filewatch import places_of
from iapeer.sessions.follower import Follower, Position
from iapeer.store import Row, SessionRecord, Store
from iapeer.testing import faults


async def evidence_left(context: Context, row: Row, session: SessionRecord | None, pasted: str | None) -> Evidence:
    """Read what the dead session left of `row`. `pasted`: tmux's last mark, None: not known.

    PeerError when its adapter or its transcript cannot be read now: nothing is guessed.
    """
    died = session.end_cause if session and session.end_cause else "unknown"
    if pasted is not None and pasted != mark_of(row) and row.state not in OPEN:
        return Evidence(Trace.UNTYPED, died=died)
    turn = await _last_turn(context, row, session)
    if row.state in UNPROVEN and key_of(row) not in turn.arrived:
        return Evidence(Trace.UNSEEN, refused=dict(turn.refused).get(key_of(row)), died=died)
    ending = turn.ending(key_of(row))
    return Evidence(
        Trace.PROVEN, ending, spoke=turn.answered, words=ending.words if ending is not None else turn.last_words,
        died=died, answered=context.store.messages.reply_to(row) is not None,
    )  # fmt: skip


def carry_out(store: Store, row: Row, evidence: Evidence, outcome: Outcome, telling: Telling) -> Row:
    """Put the outcome of the row's activation on record; the row as it is then.

    One transaction with the answer that a good end brings to who asked, and with what the sender is told of any end.
    """
    with store.together():
        goes_on = row.state is State.NEEDS_INPUT and isinstance(outcome, Done)
        if goes_on or (evidence.trace is Trace.PROVEN and row.state in UNPROVEN):
            row = store.activations.prove(row)
        if isinstance(outcome, Done) and outcome.words is not None:
            faults.point("answer:before")
            telling.done(row, outcome.words)
            faults.point("answer:after")
        after = _end(store, row, outcome, evidence.brief())
        if after.state in FINAL:
            telling.over(after)
    return after


def _end(store: Store, row: Row, outcome: Outcome, evidence: str) -> Row:
    """End the row's activation as the outcome says."""
    end = functools.partial(store.activations.end, row, evidence=evidence)
    match outcome:
        case Done(how):
            return end(State.DONE, outcome=how)
        case Failed(error, how):
            return end(State.FAILED, outcome=how, error=error)
        case Dead(error):
            return end(State.DEAD, outcome=error, error=error)
        case Retry(why, used, not_before):
            attempt = row.attempt + 1 if used else None
            return end(State.QUEUED, reason=why, attempt=attempt, not_before_ms=not_before)
        case NeedsInput():
            return row


def _rules(context: Context, row: Row, session: SessionRecord | None) -> Transcript:
    """How the records read that the dead session wrote: by its own version, not by the one installed now."""
    if session is not None:
        return context.adapter_of(session).transcript
    return context.catalogue.get(split_identity(row.identity)[0]).adapter.transcript


async def _conversation(rules: Transcript, path: str, row: Row, session: SessionRecord | None) -> str | None:
    """The conversation to read in the file at `path`, where several share it: the one that holds the message."""
    last = session.conversation if session else None
    if rules.sqlite is None:
        return last
    try:
        return await asyncio.to_thread(conversation_with, rules, lambda _: path, key_of(row), None) or last
    except OSError as error:
        raise _unread(path, row, error.strerror) from error


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
            conversation = await _conversation(rules, str(path), row, session)
            follower = Follower(rules, str(path), 0, at.cursor, conversation=conversation)
            turn = await follower.read_all()
            if follower.unread is not None:
                raise _unread(str(path), row, follower.unread)
        if key_of(row) in turn.arrived:
            break
    return turn


def _unread(path: str, row: Row, why: str | None) -> errors.Failed:
    return errors.Failed(
        f"The transcript {path} of a session that is over cannot be read ({why}): what became of message {row.message} "
        "is told once it can be."
    )
