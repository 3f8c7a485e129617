"""Calls of sessions that wait for what becomes of a message: no circle of them, and no answer is given twice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from iapeer.fleet.fleet import Fleet
from iapeer.mail.request import Caller
from iapeer.model.errors import Refused
from iapeer.model.states import State
from iapeer.store import RETURNED, Row


@dataclass(frozen=True, eq=False)
class WaitingCall:
    """A call of a session of the identity `who`, that waits for what the identity `on` makes of a message.

    `reply`: it waits for an answer.
    """

    message: str
    who: str
    on: str
    reply: bool


class Calls:
    """The calls of sessions that wait now."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._store = fleet.context.store
        self._waiting: list[WaitingCall] = []

    @contextlib.contextmanager
    def waiting(self, caller: Caller, row: Row, *, reply: bool) -> Iterator[None]:
        """While a call of a session waits: it can be part of a circle, and an answer it waits for is kept for it."""
        if caller.session is None:
            yield
            return
        call = WaitingCall(row.message, caller.identity, row.identity, reply)
        self._waiting.append(call)
        try:
            yield
        finally:
            self._waiting.remove(call)
            if not self.await_reply_to(row):
                self._let_in(row)

    def await_reply_to(self, asked: Row) -> bool:
        """Whether a call waits for an answer to the message."""
        return any(call.reply for call in self._waiting if call.message == asked.message)

    def take(self, reply: Row) -> None:
        """Give this answer to the session whose call waited for it: it is not typed again."""
        now = self._store.inbox.row(reply.message)  # another call may have waited for it too
        if now is not None and self._fleet.holds.awaits(now):
            self._store.inbox.move(reply.message, State.DONE, outcome=RETURNED)

    def _let_in(self, asked: Row) -> None:
        """No call takes the answers to `asked` any more: they go into the session."""
        for late in self._store.messages.replies(asked.message):
            if self._fleet.holds.awaits(late):
                self._fleet.holds.let_in(late)
                self._fleet.actor(late.identity).poke()

    def check_circle(self, caller: Caller, on: str) -> None:
        """Refused when the identity `on`, or one that it waits for, waits for the caller already."""
        seen: set[str] = set()
        ahead = [on]
        while ahead:
            who = ahead.pop()
            if who == caller.identity:
                raise Refused(
                    f"{on} waits for an answer of {who} itself: answer first, or send without waiting.",
                    code="wait-circle",
                )
            if who not in seen:
                seen.add(who)
                ahead += [call.on for call in self._waiting if call.who == who]
