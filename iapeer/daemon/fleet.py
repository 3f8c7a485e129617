"""All identities of a root: who gets a message, what its sender is told, and the actors that do the work."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from iapeer.actors.actor import Actor
from iapeer.model.errors import PeerError, Refused, TimedOut
from iapeer.model.ids import uuid7
from iapeer.model.names import identity, split_identity
from iapeer.model.sanitise import sanitise
from iapeer.model.states import FINAL, State
from iapeer.peers.registry import Known, Registry
from iapeer.sessions.bringup import Site
from iapeer.sessions.sight import obstacle
from iapeer.store import Event, NewMessage, Row

T = TypeVar("T")
MAX_BODY = 16_000
MAX_TOPIC = 200
STOPPED = "stopped"
SYSTEM = "iapeer"
_OUTSIDE = frozenset({"dialog", "login", "quota", "not-the-agent"})
_DOUBTFUL = frozenset({State.STRANDED, State.UNKNOWN})


@dataclass(frozen=True)
class Caller:
    """Who is speaking: the operator, or the peer whose session's token was shown."""

    personality: str = "operator"
    runtime: str = "shell"
    intelligence: str = "natural"

    @property
    def identity(self) -> str:
        return identity(self.runtime, self.personality)


@dataclass(frozen=True)
class Letter:
    """What a caller wants sent."""

    to: str
    body: str
    runtime: str | None = None
    topic: str | None = None
    re: str | None = None


class Fleet:
    """The actors of all identities, made when they are first needed."""

    def __init__(self, site: Site, registry: Registry) -> None:
        self.site = site
        self.registry = registry
        self._actors: dict[str, Actor] = {}
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._streams: set[asyncio.Event] = set()
        self._removing: set[str] = set()
        site.store.observers.append(self._observe)

    # ---- start and stop

    async def start(self) -> None:
        """Find the sessions that outlived the last daemon, settle what was in flight, go on with every inbox."""
        store = self.site.store
        actors = [self.actor(record.identity) for record in store.open_sessions()]
        await asyncio.gather(*(actor.found.wait() for actor in actors))
        for peer in store.peers():  # the last daemon may have died between an intent and its act
            if not peer.stopped:
                store.release(peer.personality, STOPPED)
                continue
            with contextlib.suppress(PeerError):  # its actor tells what is wrong, and tries again
                await self.stop(self.registry.get(peer.personality))
        for row in store.untold(SYSTEM):
            self._tell_sender(row)
        for who in store.waiting_identities():
            self.actor(who).poke()

    async def close(self) -> None:
        """Let go of everything; sessions live on."""
        await asyncio.gather(*(actor.close() for actor in self._actors.values()))

    def actor(self, who: str) -> Actor:
        """The one actor of an identity."""
        if who not in self._actors:
            _, personality = split_identity(who)
            self._actors[who] = Actor(self.site, who, lambda: self.registry.get(personality), self._tell_sender)
            self._actors[who].poke()
        return self._actors[who]

    def actors(self) -> list[Actor]:
        """All actors there are."""
        return list(self._actors.values())

    def poke_all(self) -> None:
        """The slow heartbeat: look at everything, in case an event was missed."""
        for row in self.site.store.expire(self.site.now_ms()):
            self._tell_sender(row)
        for actor in self._actors.values():
            actor.poke()

    # ---- who is meant

    def route(self, known: Known, runtime: str | None) -> str:
        """The identity that is meant: the named runtime; else the default if it is live; else the only live one."""
        if known.personality in self._removing:
            raise Refused(f"{known.personality} is being removed.", code="removing")
        profile = known.sound()
        if runtime is not None:
            if runtime not in profile.runtimes:
                raise Refused(
                    f"{known.personality} has no runtime '{runtime}': it has {', '.join(profile.runtimes)}.",
                    code="unknown-runtime",
                )
            return identity(runtime, known.personality)
        live = [name for name in profile.runtimes if self._live(identity(name, known.personality))]
        if not live or profile.default_runtime in live:
            return identity(profile.default_runtime, known.personality)
        if len(live) > 1:
            raise Refused(
                f"{known.personality} is live in {', '.join(live)}: name one with --runtime.", code="ambiguous-runtime"
            )
        return identity(live[0], known.personality)

    def _live(self, who: str) -> bool:
        return who in self._actors and self._actors[who].at.running is not None

    async def ask(self, name: str, runtime: str | None, command: Callable[[Actor], Awaitable[T]]) -> tuple[Actor, T]:
        """Run a command in the actor of the identity that is meant."""
        actor = self.actor(self.route(self.registry.get(name), runtime))
        return actor, await actor.ask(command)

    # ---- messages

    def accept(self, caller: Caller, letter: Letter) -> Row:
        """Take a message: durable when this returns. Refused, with nothing stored, otherwise."""
        known = self.registry.get(letter.to)
        who = self.route(known, letter.runtime)
        _check(caller, letter, who)
        row = self.site.store.accept(
            NewMessage(
                id=uuid7(self.site.clock.wall()), sender=caller.personality, sender_runtime=caller.runtime,
                sender_intelligence=caller.intelligence, to=known.personality, identity=who, body=letter.body,
                topic=letter.topic, re=letter.re, held=STOPPED if known.record.stopped else None,
            )
        )  # fmt: skip
        self.actor(who).poke()
        return row

    def waits_for(self, row: Row) -> str:
        """Why a row that waits is not being typed, as things are now."""
        at = self.actor(row.identity).at
        if row.state is State.HELD:
            return row.reason or "held"
        if at.running is None:
            return "backoff" if at.now() < at.backoff.until else "waking"
        if not at.running.ready:
            return "dialog" if at.stuck else "waking"
        why = obstacle(at.sight, self.site.now_ms()) if at.sight else None
        ahead = at.attempt is not None  # what stands in the composer then is the message ahead, no draft
        return why if why in _OUTSIDE or (why is not None and not ahead) else "busy"

    def free(self, who: str) -> bool:
        """Whether the identity is live, with nothing ahead: then its actor looks at once and types, or says why not."""
        at = self.actor(who).at
        ready = at.running is not None and at.running.ready
        return ready and self.site.store.depth(who) <= 1 and at.attempt is None

    async def until(self, message: str, enough: Callable[[Row], bool], seconds: float | None) -> Row:
        """The row once `enough` holds, or as it is after so many seconds."""
        changed = asyncio.Event()
        self._watchers.setdefault(message, set()).add(changed)
        try:
            async with asyncio.timeout(seconds):
                while not enough(row := self._row(message)):
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            return self._row(message)
        finally:
            self._watchers[message].discard(changed)
            if not self._watchers[message]:
                del self._watchers[message]
        return row

    def _row(self, message: str) -> Row:
        row = self.site.store.row(message)
        if row is None:
            raise Refused(f"There is no message '{message}'.", code="unknown-message")
        return row

    def delivered(self, row: Row) -> bool:
        """Whether the agent's record was seen to hold the message."""
        if row.state in (State.RUNNING, State.DONE, State.NEEDS_INPUT, State.NEEDS_VERIFICATION):
            return True
        return any(event.ev == "delivered" for event in self.site.store.events(message=row.message))

    # ---- peers

    async def stop(self, known: Known) -> None:
        """The intent first, then every session of the peer; its messages are held."""
        store = self.site.store
        store.set_stopped(known.personality, True)
        store.hold(known.personality, STOPPED)
        for actor in self.of(known):
            await actor.ask(_stop)
        store.hold(known.personality, STOPPED)

    def let_go(self, known: Known) -> None:
        """The intent to be stopped is over; what was held waits again."""
        self.site.store.release(known.personality, STOPPED)
        self.site.store.set_stopped(known.personality, False)
        for actor in self.of(known):
            actor.poke()

    async def remove(self, known: Known, force: bool) -> None:
        """End the peer's sessions and forget it. Refused while it is live, unless forced."""
        live = [actor for actor in self.of(known) if actor.at.running is not None]
        if live and not force:
            raise Refused(f"{known.personality} is live: stop it first, or use --force.", code="live")
        waiting = sum(1 for row in self.site.store.inbox(known.personality) if row.state not in FINAL)
        if waiting and not force:
            raise Refused(f"{known.personality} has {waiting} message(s) waiting: --force drops them.", code="waiting")
        self._removing.add(known.personality)
        try:
            self.site.store.set_stopped(known.personality, True)  # else a waiting message would wake it again
            for actor in self.of(known):
                await actor.ask(_stop)
                await actor.close()
                del self._actors[actor.at.identity]
            for row in self.registry.remove(known.personality):
                self._tell_sender(row)
        finally:
            self._removing.discard(known.personality)

    def of(self, known: Known) -> list[Actor]:
        """The actors of a peer, as far as there are any."""
        return [actor for actor in self.actors() if actor.at.personality == known.personality]

    # ---- telling

    def _observe(self, event: Event) -> None:
        for changed in self._watchers.get(event.message or "", ()):
            changed.set()
        for changed in self._streams:
            changed.set()

    async def next_event(self, seconds: float) -> None:
        """Wait until anything happened, or so long at most."""
        changed = asyncio.Event()
        self._streams.add(changed)
        try:
            async with asyncio.timeout(seconds):
                await changed.wait()
        except TimeoutError:
            pass
        finally:
            self._streams.discard(changed)

    def _tell_sender(self, row: Row) -> None:
        """A peer hears of any end of its message that is not done; a notice causes no notice."""
        if row.state is State.DONE or row.sender in (SYSTEM, "operator"):
            return
        known = self.site.store.peer(row.sender)
        if known is None:
            return
        self.site.store.accept(
            NewMessage(
                id=uuid7(self.site.clock.wall()), sender=SYSTEM, sender_runtime=SYSTEM, sender_intelligence="absent",
                to=row.sender, identity=identity(row.sender_runtime, row.sender), kind="result", re=row.message,
                body=f"Your message {row.message} to {row.to} ended {row.state}: {row.error or row.reason or '-'}.",
                held=STOPPED if known.stopped else None,
            )
        )  # fmt: skip
        self.actor(identity(row.sender_runtime, row.sender)).poke()


async def _stop(actor: Actor) -> None:
    await actor.end("stop")


def is_proven(row: Row) -> bool:
    """Proven, over, or in doubt: there is something to tell the sender."""
    return row.state in FINAL or row.state is State.RUNNING or row.state in _DOUBTFUL


def is_told(row: Row) -> bool:
    """Proven, over, in doubt, or known to wait: nothing more is to come soon."""
    return is_proven(row) or (row.state is State.QUEUED and row.reason is not None)


def is_over(row: Row) -> bool:
    """Final."""
    return row.state in FINAL


def timed_out(row: Row, seconds: float) -> TimedOut:
    """What a caller that waited in vain is told; the message itself goes on."""
    why = f" ({row.reason})" if row.reason else ""
    return TimedOut(
        f"Message {row.message} is {row.state}{why} after {seconds:g} s and goes on: `iapeer message {row.message}`."
    )


def _check(caller: Caller, letter: Letter, who: str) -> None:
    if len(letter.body) > MAX_BODY:
        raise Refused(
            f"The message has {len(letter.body)} characters: {MAX_BODY} is the limit; send a file's path instead.",
            code="too-long",
        )
    if letter.topic is not None and len(letter.topic) > MAX_TOPIC:
        raise Refused(f"The topic has {len(letter.topic)} characters: {MAX_TOPIC} is the limit.", code="too-long")
    if letter.topic is not None and "\n" in letter.topic:
        raise Refused("The topic has a line break: it is one line.", code="bad-topic")
    if letter.re is not None and len(letter.re) > MAX_TOPIC:
        raise Refused(f"The id in `re` has {len(letter.re)} characters: that is no message's.", code="too-long")
    sanitise(letter.body)
    if caller.identity == who:
        raise Refused(f"{who} cannot send to itself.", code="self-send")
