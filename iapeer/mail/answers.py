"""What senders are told of their messages: the answers that turns end with, and notices."""

from __future__ import annotations

from iapeer.fleet.fleet import Fleet
from iapeer.mail.attachments import Attachments
from iapeer.mail.calls import Calls
from iapeer.mail.placement import is_of_removed, to_worker
from iapeer.mail.request import MAX_BODY, Caller
from iapeer.model.errors import PeerError
from iapeer.model.holds import HoldCause, causes
from iapeer.model.ids import uuid7
from iapeer.model.names import OPERATOR, identity, split_identity
from iapeer.model.sanitise import sanitise
from iapeer.model.states import State
from iapeer.store import INFORMATIONAL, SYSTEM, NewMessage, Row

_SYSTEM = Caller(SYSTEM, SYSTEM, "absent")
_CUT_TO = MAX_BODY - 200


class Answers:
    """Answers and notices, as messages to those who sent something."""

    def __init__(self, fleet: Fleet, attachments: Attachments, calls: Calls) -> None:
        self._fleet = fleet
        self._store = fleet.context.store
        self._attachments = attachments
        self._calls = calls

    def last_words(self, row: Row, said: str) -> None:
        """Make what the agent said last the answer, unless the sender wants none or was answered already.

        To be called right before the good end of the row's turn is recorded, in its transaction.
        """
        if not self._is_unanswered(row) or not _says_something(said):
            return
        runtime, personality = split_identity(row.identity)
        profile = self._fleet.registry.get(personality).profile
        author = Caller(personality, runtime, profile.intelligence if profile else "artificial")
        self._answer(row, author, *self._fitted(said))

    def tell_sender(self, row: Row) -> None:
        """Tell a peer of any end of its message that is not done, or that left it without an answer."""
        if row.sender in (SYSTEM, OPERATOR) or (row.state is State.DONE and not self._is_unanswered(row)):
            return
        if row.state is State.DONE:
            said = f"Your message {row.message} to {row.to} was done without an answer."
        else:
            said = f"Your message {row.message} to {row.to} ended {row.state}: {row.error or row.reason or '-'}."
        self._answer(row, _SYSTEM, said)

    def _is_unanswered(self, row: Row) -> bool:
        return row.asks and self._store.messages.reply_to(row) is None

    def _answer(self, row: Row, author: Caller, body: str, attachments: tuple[str, ...] = ()) -> None:
        """To the identity that sent `row`, or to where the operator reads."""
        if is_of_removed(self._store, row):
            return
        peer = self._store.peers.get(row.sender)
        who = identity(row.sender_runtime, row.sender)
        new = NewMessage(
            id=uuid7(self._fleet.context.clock.wall()), sender=author.personality, sender_runtime=author.runtime,
            sender_intelligence=author.intelligence, to=row.sender, identity=who,
            kind="result", topic=row.topic, re=row.message, body=body, attachments=attachments,
            held=self._held(row, who, is_peer=peer is not None, is_notice=author is _SYSTEM),
            settled=None if peer else INFORMATIONAL,
        )  # fmt: skip
        if self._fleet.is_worker(row.sender):
            new = to_worker(self._store, new, row)
        self._fleet.arrived(self._store.messages.accept(new))

    def _held(self, row: Row, who: str, *, is_peer: bool, is_notice: bool) -> frozenset[HoldCause]:
        """What holds an answer or a notice to the identity that sent `row`."""
        stopped = is_peer and self._store.peers.is_stopped(who)
        awaited = not is_notice and self._calls.await_reply_to(row)
        return causes(stopped=stopped, awaited=awaited)

    def _fitted(self, said: str) -> tuple[str, tuple[str, ...]]:
        """The words as a body; what is longer than one is attached whole."""
        if len(said) <= MAX_BODY:
            return said, ()
        path = self._attachments.keep_text("answer.txt", said)
        return f"{said[:_CUT_TO]}\n[cut here: all {len(said)} characters are in the attached file]", (path,)


def _says_something(said: str) -> bool:
    try:
        return bool(sanitise(said).text.strip())
    except PeerError:
        return False
