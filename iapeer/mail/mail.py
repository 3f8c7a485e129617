"""Messages on their way in: what each counts as, whom it reaches, and what its sender is told of its end."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from iapeer.actors.working import asks_still, is_worker
from iapeer.fleet.parts import REST_S
from iapeer.mail.attachments import Attachments
from iapeer.mail.request import MAX_BODY, Caller, SendRequest, check_request, check_times
from iapeer.model.errors import PeerError, Refused
from iapeer.model.exchange import Asked, Effect, effect, free_at
from iapeer.model.ids import uuid7
from iapeer.model.names import OPERATOR, identity, split_identity
from iapeer.model.sanitise import sanitise
from iapeer.model.states import FINAL, WAITING, State
from iapeer.paths.settings import Settings
from iapeer.peers.registry import Known, Registry
from iapeer.sessions.bringup import Context
from iapeer.store import ANSWER, ARMED, INFORMATIONAL, PART, STOPPED, SYSTEM, NewMessage, Row

LOOP, AWAITED = "loop", "awaited"  # causes of a held row, beside STOPPED
RETURNED = "returned to the call that waited for it"
_HOUSE = Caller(SYSTEM, SYSTEM, "absent")
_CUT_TO = MAX_BODY - 200
BATCH_PART = 200  # messages of a batch that are stored in one transaction


@dataclass(frozen=True, slots=True)
class Plan:
    """A message that nothing is against, and what its first state depends on. `counts` None: it was taken before."""

    new: NewMessage
    counts: Effect | None = None
    known: Known | None = None
    asked: Row | None = None


@dataclass(frozen=True, eq=False)
class Waiting:
    """A call of a session that waits for what becomes of a message."""

    message: str
    who: str
    on: str
    reply: bool


class Mail:
    """Takes requests in. `route` finds the identity that is meant; `poke` makes it look at its inbox."""

    def __init__(
        self, context: Context, registry: Registry, settings: Settings,
        route: Callable[[Known, str | None], str], poke: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._context = context
        self._store = context.store
        self._registry = registry
        self._settings = settings
        self._route = route
        self._poke = poke
        self._waits: list[Waiting] = []
        self._attachments = Attachments(context.layout.attachments, settings.attachment_bytes)
        self.timed = asyncio.Event()  # a row came that something is to be done with at a certain time

    # ---- taking in

    async def prepare(self, caller: Caller, request: SendRequest) -> SendRequest:
        """The request with its attachments copied. Refused when it is over a limit or one of them cannot be had."""
        check_request(request)
        request = self._repeated(caller, request)
        if request.attachments:
            await self._check_files(caller, request)
        return await self._copied(caller, request)

    async def prepare_all(self, caller: Caller, requests: list[SendRequest]) -> list[SendRequest]:
        """The same for many: nothing is copied before all were checked. A refusal names the request, counted from 1."""
        files = any(request.attachments for request in requests)
        checked = []
        for number, request in enumerate(requests, 1):
            with _numbered(number):
                check_request(request)
                checked.append(self._repeated(caller, request))
                if files:
                    await self._check_files(caller, checked[-1])
            if number % PART == 0:
                await asyncio.sleep(REST_S)
        return [await self._copied(caller, request) for request in checked]

    def _repeated(self, caller: Caller, request: SendRequest) -> SendRequest:
        """A call that is repeated with its key may find its own files gone: they were copied by the first."""
        if not request.attachments or request.key is None:
            return request
        first = self._store.messages.by_key(caller.personality, request.key)
        if first is None:
            return request
        return replace(request, attachments=self._attachments.again(request.attachments, first.attachments))

    async def _check_files(self, caller: Caller, request: SendRequest) -> None:
        """What would be refused anyway is refused before anything is copied."""
        self._plan(caller, replace(request, attachments=(), key=None, at_ms=None, expires_ms=None))
        await asyncio.to_thread(self._attachments.check, request.attachments, self.places(caller))

    async def _copied(self, caller: Caller, request: SendRequest) -> SendRequest:
        if not request.attachments:
            return request
        taken = await asyncio.to_thread(self._attachments.take, request.attachments, self.places(caller))
        return replace(request, attachments=taken)

    def places(self, caller: Caller) -> tuple[Path, ...] | None:
        """The folders (real paths) that the caller may attach from; None: anywhere.

        The peer's own as it was registered: one that has become a link since leads to nothing of its own.
        """
        if caller.session is None:
            return None
        folder = self._registry.get(caller.personality).folder
        return folder, _temporary().resolve(), self._attachments.folder.resolve()

    def accept(self, caller: Caller, request: SendRequest) -> Row:
        """Take a prepared request: durable when this returns. Refused, with nothing stored, otherwise."""
        new = self._placed(self._plan(caller, request))
        with self._store.together():
            self._arm(caller, new)
            row = self._store.messages.accept(new)
        return self._taken(row)

    async def accept_all(self, caller: Caller, requests: list[SendRequest]) -> list[Row]:
        """Take all of them, or none: the refusal names the first that is wrong, counted from 1.

        All are planned before the first is stored, and are not looked at again. They are stored in parts, in order:
        should the store fail us between two, the error says how many were taken. The same call takes the rest, and by
        their keys nothing twice.
        """
        plans = await self._plan_all(caller, requests)
        rows: list[Row] = []
        while len(rows) < len(plans):
            with _counted(len(rows), len(plans)):
                rows += self._accept_part(caller, plans[len(rows) : len(rows) + BATCH_PART])
            await asyncio.sleep(REST_S)
        return rows

    async def _plan_all(self, caller: Caller, requests: list[SendRequest]) -> list[Plan]:
        plans: list[Plan] = []
        keys: dict[str, str] = {}
        for number, request in enumerate(requests, 1):
            with _numbered(number):
                plans.append(self._plan(caller, request))
                new = plans[-1].new
                content = new.fingerprint()
                if new.key is not None and keys.setdefault(new.key, content) != content:
                    said = f"The key '{new.key}' is that of a message before it with other content: use a new key."
                    raise Refused(said, code="key-conflict")
            if number % PART == 0:
                await asyncio.sleep(REST_S)
        return plans

    def _accept_part(self, caller: Caller, plans: list[Plan]) -> list[Row]:
        news = [self._placed(plan) for plan in plans]
        with self._store.together():
            for new in news:
                self._arm(caller, new)
            rows = self._store.messages.accept_many(news)
        return [self._taken(row) for row in rows]

    def _arm(self, caller: Caller, new: NewMessage) -> None:
        """A worker that writes to its task's requester, or names the task, has given what was wanted of it."""
        row = self._store.inbox.in_flight(caller.identity) if caller.session is not None else None
        if row is None or row.session != caller.session or not (row.sender == new.to or row.message == new.re):
            return
        if self.is_worker(caller.personality):
            self._store.flags.set(caller.identity, caller.personality, ARMED, "message")
            self._poke(caller.identity)

    def is_worker(self, name: str) -> bool:
        """Whether there is a worker of this name."""
        return self._store.peers.get(name) is not None and is_worker(self._registry.get(name).profile)

    def _taken(self, row: Row) -> Row:
        if row.not_before_ms is not None or row.expires_ms is not None:
            self.timed.set()
        if row.state in WAITING:
            self._poke(row.identity)
        return row

    def _plan(self, caller: Caller, request: SendRequest) -> Plan:
        """The message that the request becomes. Everything that could be refused is refused here."""
        heard = self._heard(caller, request)
        asked = heard if request.re is not None or not request.wants_answer else None
        told = Asked(asked.sender, asked.to, asked.kind) if asked else None
        if asked is not None and (asked.sender, asked.kind) == (request.to, "work") and self._namesakes(asked):
            told = None  # who asked is no more: to the peer that has its name now it is news
        natural = caller.intelligence == "natural"
        counts = effect(caller.personality, request.to, told, asks=request.wants_answer, natural=natural)
        new = NewMessage(
            id=uuid7(self._context.clock.wall()), sender=caller.personality, sender_runtime=caller.runtime,
            sender_intelligence=caller.intelligence, to=request.to, identity="", body=request.body, kind=counts.kind,
            topic=request.topic or (heard.topic if heard else None), re=asked.message if asked else None,
            attachments=request.attachments, priority=int(request.urgent), not_before_ms=request.at_ms,
            expires_ms=request.expires_ms, key=request.key, asks=request.wants_answer,
            wish=(request.topic, request.re, request.asks),
        )  # fmt: skip
        if request.key is not None and (taken := self._store.messages.by_key_and_content(new)) is not None:
            if request.waits is not None and caller.session is not None and taken.state not in FINAL:
                self.no_circle(caller, taken.identity)
            return Plan(new)  # it was taken already: accepting it again changes nothing, wherever it would go now
        known = None if request.to == OPERATOR else self._registry.get(request.to)
        who = self._address(known, request, asked)
        if caller.identity == who:
            raise Refused(f"{who} cannot send to itself.", code="self-send")
        check_times(request, self._context.now_ms())
        if request.waits is not None and caller.session is not None:
            self.no_circle(caller, who)
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

    def _address(self, known: Known | None, request: SendRequest, asked: Row | None) -> str:
        """The identity that is meant; an answer goes to the runtime that asked."""
        if known is None:
            return Caller().identity
        runtimes = known.profile.runtimes if known.profile else []
        asker = asked.sender_runtime if asked is not None and asked.sender == request.to else None
        return self._route(known, request.runtime or (asker if asker in runtimes else None))

    def _placed(self, plan: Plan) -> NewMessage:
        """Where the message starts: waiting, held, or stored to be read. By what holds now: a stop may be over."""
        new, counts, known, asked = plan.new, plan.counts, plan.known, plan.asked
        if counts is None:
            return new
        if known is None or not counts.wakes:
            return replace(new, settled=INFORMATIONAL)
        if is_worker(known.profile):
            new = self._to_worker(new, asked if counts.answers else None)
        if new.settled is not None:
            return new
        if self._store.peers.is_stopped(new.identity):
            return replace(new, held=STOPPED)
        if asked is not None and counts.answers and self._awaits(asked):
            return replace(new, held=AWAITED)
        open_answer = asked is not None and counts.answers and self._store.messages.reply_to(asked) is None
        return new if open_answer else self._unlooped(new, known)

    def _to_worker(self, new: NewMessage, asked: Row | None) -> NewMessage:
        """A message to a worker is a task, and wants a result; but for an answer to what its live session `asked`.

        That goes into the session, before any task; after its end it is only kept.
        """
        if asked is None:
            return replace(new, kind="work", asks=True)
        if asks_still(self._store, new.identity, asked.message):
            return replace(new, priority=ANSWER)
        return replace(new, settled=INFORMATIONAL, held=None)

    def _unlooped(self, new: NewMessage, known: Known) -> NewMessage:
        """Held for a while where two artificial peers go back and forth too fast, by the time it is to be typed."""
        nature = known.profile.intelligence if known.profile else "artificial"
        if {new.sender_intelligence, nature} != {"artificial"} or new.sender == new.to:
            return new
        window = self._settings.loop_window_secs * 1000
        now = self._context.now_ms()
        wanted = max(now, new.not_before_ms or 0)
        turns = self._store.messages.between(new.sender, new.to, new.topic, now - window, LOOP)
        due = free_at(turns, new.sender, wanted, self._settings.loop_alternations, window)
        return new if due <= wanted else replace(new, held=LOOP, not_before_ms=due)

    def unstick(self, now: int) -> None:
        """A clock that was set back keeps nobody held for longer than a loop is."""
        self._store.holds.set_back(now, LOOP, self._settings.loop_window_secs * 1000)

    # ---- calls that wait

    @contextlib.contextmanager
    def waiting(self, caller: Caller, row: Row, *, reply: bool) -> Iterator[None]:
        """While a call of a session waits: it can be part of a circle, and an answer it waits for is kept for it."""
        if caller.session is None:
            yield
            return
        mine = Waiting(row.message, caller.identity, row.identity, reply)
        self._waits.append(mine)
        try:
            yield
        finally:
            self._waits.remove(mine)
            if not self._awaits(row):
                self._let_in(row)

    def _let_in(self, asked: Row) -> None:
        """No call takes the answers to `asked` any more: they go into the session."""
        for late in self._store.messages.replies(asked.message):
            if late.state is not State.HELD or late.reason != AWAITED:
                continue
            self._store.inbox.move(late.message, State.QUEUED)
            if self._store.peers.is_stopped(late.identity):
                self._store.holds.hold(late.to, STOPPED, late.identity)
            self._poke(late.identity)

    def take(self, reply: Row) -> None:
        """The call that waited gives this answer to its session: it is not typed again."""
        now = self._store.inbox.row(reply.message)  # another call may have waited for it too
        if now is not None and (now.state, now.reason) == (State.HELD, AWAITED):
            self._store.inbox.move(reply.message, State.DONE, outcome=RETURNED)

    def _awaits(self, asked: Row) -> bool:
        return any(wait.reply for wait in self._waits if wait.message == asked.message)

    def no_circle(self, caller: Caller, on: str) -> None:
        """Refused when the identity `on`, or one that it waits for, waits for the caller already."""
        who = caller.identity
        seen: set[str] = set()
        ahead = [on]
        while ahead:
            one = ahead.pop()
            if one == who:
                raise Refused(
                    f"{on} waits for an answer of {who} itself: answer first, or send without waiting.",
                    code="wait-circle",
                )
            if one not in seen:
                seen.add(one)
                ahead += [wait.on for wait in self._waits if wait.who == one]

    # ---- answers and notices

    def last_words(self, row: Row, said: str) -> None:
        """The turn of `row` ends well: unless its sender was answered already, its last words are the answer."""
        if not row.asks or self._store.messages.reply_to(row) is not None or not _says_something(said):
            return
        runtime, personality = split_identity(row.identity)
        profile = self._registry.get(personality).profile
        author = Caller(personality, runtime, profile.intelligence if profile else "artificial")
        self._answer(row, author, *self._fitted(said))

    def tell_sender(self, row: Row) -> None:
        """A peer hears of any end of its message that is not done, or that left it without an answer."""
        if row.sender in (SYSTEM, OPERATOR) or (row.state is State.DONE and not self._unanswered(row)):
            return
        if row.state is State.DONE:
            said = f"Your message {row.message} to {row.to} was done without an answer."
        else:
            said = f"Your message {row.message} to {row.to} ended {row.state}: {row.error or row.reason or '-'}."
        self._answer(row, _HOUSE, said)

    def _unanswered(self, row: Row) -> bool:
        return row.asks and self._store.messages.reply_to(row) is None

    def _answer(self, row: Row, author: Caller, body: str, attachments: tuple[str, ...] = ()) -> None:
        """To the identity that sent `row`, or to where the operator reads."""
        if self._namesakes(row):
            return
        peer = self._store.peers.get(row.sender)
        awaited = author is not _HOUSE and self._awaits(row)
        who = identity(row.sender_runtime, row.sender)
        stopped = peer is not None and self._store.peers.is_stopped(who)
        new = NewMessage(
            id=uuid7(self._context.clock.wall()), sender=author.personality, sender_runtime=author.runtime,
            sender_intelligence=author.intelligence, to=row.sender, identity=who,
            kind="result", topic=row.topic, re=row.message, body=body, attachments=attachments,
            held=STOPPED if stopped else AWAITED if awaited else None,
            settled=None if peer else INFORMATIONAL,
        )  # fmt: skip
        self._taken(self._store.messages.accept(self._to_worker(new, row) if self.is_worker(row.sender) else new))

    def _namesakes(self, row: Row) -> bool:
        """Whether the peer that sent `row` is gone; another one may have its name by now."""
        if row.sender == OPERATOR:
            return False
        return self._store.peers.get(row.sender) is None or self._store.messages.is_of_namesake(row)

    def _fitted(self, said: str) -> tuple[str, tuple[str, ...]]:
        """The words as a body; what is longer than one is attached whole."""
        if len(said) <= MAX_BODY:
            return said, ()
        path = self._attachments.keep_text("answer.txt", said)
        return f"{said[:_CUT_TO]}\n[cut here: all {len(said)} characters are in the attached file]", (path,)


@contextlib.contextmanager
def _numbered(number: int) -> Iterator[None]:
    """A refusal inside names the message of the batch."""
    try:
        yield
    except PeerError as error:
        raise type(error)(f"message {number}: {error}", code=error.code) from error


@contextlib.contextmanager
def _counted(taken: int, of: int) -> Iterator[None]:
    """An error inside, of a batch of which so many messages are stored already, says that they are."""
    try:
        yield
    except PeerError as error:
        if taken == 0:
            raise
        said = f"The first {taken} of {of} messages are taken, the others are not; with keys they can all be sent again"
        raise type(error)(f"{said}: {error}", code=error.code) from error


def _says_something(said: str) -> bool:
    try:
        return bool(sanitise(said).text.strip())
    except PeerError:
        return False


def _temporary() -> Path:
    return Path(tempfile.gettempdir())
