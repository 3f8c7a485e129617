"""What a request becomes: the message it counts as, the identity it is for, and the state in which it starts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from iapeer.actors.asking import asks_still, is_worker
from iapeer.fleet.fleet import Fleet
from iapeer.mail.calls import Calls
from iapeer.mail.request import Caller, SendRequest, check_times
from iapeer.model.errors import Refused
from iapeer.model.exchange import Asked, Effect, effect, free_at
from iapeer.model.holds import HoldCause, causes
from iapeer.model.ids import uuid7
from iapeer.model.names import OPERATOR
from iapeer.model.states import FINAL
from iapeer.paths.settings import Settings
from iapeer.peers.registry import RegisteredPeer
from iapeer.store import ANSWER, INFORMATIONAL, NewMessage, Row, Store


@dataclass(frozen=True, slots=True)
class Plan:
    """A message that nothing is against, and what its first state depends on. `counts` None: it was taken before."""

    new: NewMessage
    counts: Effect | None = None
    known: RegisteredPeer | None = None
    asked: Row | None = None


class Placement:
    """Plans messages, which may be refused, and places them, by what holds at the moment they are stored."""

    def __init__(self, fleet: Fleet, settings: Settings, calls: Calls) -> None:
        self._fleet = fleet
        self._store = fleet.context.store
        self._settings = settings
        self._calls = calls

    # ---- the plan

    def plan(self, caller: Caller, request: SendRequest) -> Plan:
        """The message that the request becomes. Everything that could be refused is refused here."""
        heard = self._heard(caller, request)
        asks = request.wants_answer
        asked = heard if request.re is not None or not asks else None
        counts = self._effect(caller, request, asked, asks=asks)
        new = self._message(caller, request, counts, heard, asked, asks=asks)
        if self._is_taken(caller, request, new):
            return Plan(new)  # accepting it again changes nothing, wherever it would go now
        known = None if request.to == OPERATOR else self._fleet.registry.get(request.to)
        who = self._address(known, request, asked)
        if caller.identity == who:
            raise Refused(f"{who} cannot send to itself.", code="self-send")
        check_times(request, self._fleet.context.now_ms())
        self._check_circle(caller, request, who)
        return Plan(replace(new, identity=who), counts, known, asked)

    def _heard(self, caller: Caller, request: SendRequest) -> Row | None:
        """What the request goes on from: the message it names, else the one whose author a session writes to at it.

        It answers that one, unless it asks something back.
        """
        if request.re is not None:
            asked = self._store.inbox.row(request.re)
            if asked is None:
                raise Refused(f"There is no message '{request.re}' to answer.", code="unknown-message")
            return asked
        row = self._store.inbox.in_flight(caller.identity) if caller.session is not None else None
        at_it = row is not None and (row.session, row.sender) == (caller.session, request.to)
        return row if at_it else None

    def _effect(self, caller: Caller, request: SendRequest, asked: Row | None, *, asks: bool) -> Effect:
        answered = Asked(asked.sender, asked.to, asked.kind) if asked else None
        if (
            asked is not None
            and (asked.sender, asked.kind) == (request.to, "work")
            and is_of_removed(self._store, asked)
        ):
            answered = None  # who asked is no more: to the peer that has its name now it is news
        natural = caller.intelligence == "natural"
        return effect(caller.personality, request.to, answered, asks=asks, natural=natural)

    def _message(
        self,
        caller: Caller,
        request: SendRequest,
        counts: Effect,
        heard: Row | None,
        asked: Row | None,
        *,
        asks: bool,
    ) -> NewMessage:
        return NewMessage(
            id=uuid7(self._fleet.context.clock.wall()), sender=caller.personality, sender_runtime=caller.runtime,
            sender_intelligence=caller.intelligence, to=request.to, identity="", body=request.body, kind=counts.kind,
            topic=request.topic or (heard.topic if heard else None), re=asked.message if asked else None,
            attachments=request.attachments, priority=int(request.urgent), not_before_ms=request.at_ms,
            expires_ms=request.expires_ms, key=request.key, asks=asks,
            wish=(request.topic, request.re, request.asks),
        )  # fmt: skip

    def _is_taken(self, caller: Caller, request: SendRequest, new: NewMessage) -> bool:
        """Whether it was taken already, by its key."""
        taken = self._store.messages.by_key_and_content(new) if request.key is not None else None
        if taken is not None and taken.state not in FINAL:
            self._check_circle(caller, request, taken.identity)
        return taken is not None

    def _check_circle(self, caller: Caller, request: SendRequest, who: str) -> None:
        if request.waits is not None and caller.session is not None:
            self._calls.check_circle(caller, who)

    def _address(self, known: RegisteredPeer | None, request: SendRequest, asked: Row | None) -> str:
        """The identity that is meant; an answer goes to the runtime that asked."""
        if known is None:
            return Caller().identity
        runtimes = known.profile.runtimes if known.profile else []
        asker = asked.sender_runtime if asked is not None and asked.sender == request.to else None
        return self._fleet.route(known, request.runtime or (asker if asker in runtimes else None))

    # ---- the place

    def placed(self, plan: Plan) -> NewMessage:
        """Where the message starts: waiting, held, or stored to be read. By what holds now: a stop may be over."""
        new, counts, known, asked = plan.new, plan.counts, plan.known, plan.asked
        if counts is None:
            return new
        if known is None or not counts.wakes:
            return replace(new, settled=INFORMATIONAL)
        if is_worker(known.profile):
            new = to_worker(self._store, new, asked if counts.answers else None)
        if new.settled is not None:
            return new
        stopped = self._store.peers.is_stopped(new.identity)
        awaited = asked is not None and counts.answers and self._calls.await_reply_to(asked)
        if held := causes(stopped=stopped, awaited=awaited):
            return replace(new, held=held)
        open_answer = asked is not None and counts.answers and self._store.messages.reply_to(asked) is None
        return new if open_answer else self._unlooped(new, known)

    def _unlooped(self, new: NewMessage, known: RegisteredPeer) -> NewMessage:
        """Held for a while where two artificial peers go back and forth too fast, by the time it is to be typed."""
        nature = known.profile.intelligence if known.profile else "artificial"
        if {new.sender_intelligence, nature} != {"artificial"} or new.sender == new.to:
            return new
        window = self._settings.loop_window_secs * 1000
        now = self._fleet.context.now_ms()
        wanted = max(now, new.not_before_ms or 0)
        turns = self._store.messages.between(new.sender, new.to, new.topic, now - window, HoldCause.LOOP)
        due = free_at(turns, new.sender, wanted, self._settings.loop_alternations, window)
        return new if due <= wanted else replace(new, held=causes(loop=True), not_before_ms=due)


def to_worker(store: Store, new: NewMessage, asked: Row | None) -> NewMessage:
    """A message to a worker is a task, and wants a result; but for an answer to what its live session `asked`.

    That goes into the session, before any task; after its end it is only kept.
    """
    if asked is None:
        return replace(new, kind="work", asks=True)
    if asks_still(store, new.identity, asked.message):
        return replace(new, priority=ANSWER)
    return replace(new, settled=INFORMATIONAL, held=frozenset())


def is_of_removed(store: Store, row: Row) -> bool:
    """Whether the peer that sent `row` is gone; another one may have its name by now."""
    if row.sender == OPERATOR:
        return False
    return store.peers.get(row.sender) is None or store.messages.is_of_namesake(row)
