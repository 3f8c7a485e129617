"""All identities of a root: who gets a message, what its sender is told, and the actors that do the work."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from iapeer.actors.actor import Actor
from iapeer.actors.guarding import GUARD, forgive
from iapeer.actors.station import Telling
from iapeer.actors.working import ATTACHED
from iapeer.fleet.parts import REST_S, Stops, all_of
from iapeer.mail.mail import AWAITED, LOOP, RETURNED, Mail
from iapeer.mail.request import Caller
from iapeer.model.errors import PeerError, Refused, TimedOut
from iapeer.model.names import identity, split_identity
from iapeer.model.states import FINAL, State
from iapeer.paths.settings import Settings
from iapeer.peers.registry import Known, Registry
from iapeer.runtimes.adapter import Adapter
from iapeer.sessions.bringup import Context
from iapeer.sessions.observation import obstacle
from iapeer.store import ANSWER, FRESH, INFORMATIONAL, PART, STOPPED, SYSTEM, Event, Row

T = TypeVar("T")
LONG_S = 60.0  # the longest sleep of `keep_time`
DISOWNED = 1000  # rows of a removed peer that are let go of in one transaction: they are only written, not told
EPHEMERAL = "ephemeral"  # why a worker's task waits: its turn comes with a session of its own
AGAIN_MS = 5000  # after trouble with the store
LAST_ACT_S = 0.3  # for an actor's act when the daemon ends
log = logging.getLogger("iapeer.fleet")
UNREACHABLE = "unreachable"  # its session lives, and cannot be taken over
UNTYPED = frozenset({INFORMATIONAL, RETURNED})  # outcomes of rows that are done and were never typed
_OUTSIDE = frozenset({"dialog", "login", "quota", "not-the-agent"})
_DOUBTFUL = frozenset({State.STRANDED, State.UNKNOWN})


class Fleet:
    """The actors of all identities, made when they are first needed."""

    def __init__(self, context: Context, registry: Registry, settings: Settings) -> None:
        self.context = context
        self.registry = registry
        self.mail = Mail(context, registry, settings, self.route, self._poke)
        self._actors: dict[str, Actor] = {}
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._streams: set[asyncio.Event] = set()
        self._removing: set[str] = set()
        self.stops = Stops(context.store)
        self._ending = False
        self._looked_ms = 0  # up to when what is due was looked at
        context.store.observers.append(self._observe)

    # ---- start and stop

    async def start(self) -> None:
        """Find the sessions that outlived the last daemon, settle what was in flight, go on with every inbox."""
        store = self.context.store
        self.registry.adopt()
        actors = [self.actor(record.identity) for record in store.sessions.all_open()]
        await asyncio.gather(*(actor.found.wait() for actor in actors))
        for name in store.peers.being_removed():
            await self.remove(self.registry.get(name), force=True)
        for peer in store.peers.all():  # the last daemon may have died between an intent and its act
            await self._mend(peer.personality)
        await self._tell_untold()
        self._looked_ms = self.context.now_ms()
        for who in {*store.inbox.waiting_identities(), *store.flags.identities_with(FRESH)}:
            self.actor(who).poke()

    async def _mend(self, personality: str) -> None:
        """What the last daemon had begun with a peer's inbox, and what only a daemon that lives can wait for."""
        store = self.context.store
        for cause in (AWAITED, ATTACHED):  # no call waits any more; who is there still is seen again
            await all_of(functools.partial(store.holds.release, personality, cause, most=PART))
        await self.stops.mend(personality)
        with contextlib.suppress(PeerError):  # its actor tells what is wrong, and tries again
            await self._end_stopped(self.registry.get(personality))

    async def _tell_untold(self) -> None:
        """Senders of messages that came to an end, and whose daemon died before it told them."""
        store, last = self.context.store, 0
        while rows := store.messages.untold(SYSTEM, last, PART):
            with store.together():
                for row in rows:
                    self.mail.tell_sender(row)
            last = rows[-1].seq
            await asyncio.sleep(REST_S)

    async def close(self) -> None:
        """Let go of everything, within a bounded time; sessions live on."""
        closing = {asyncio.create_task(actor.close(LAST_ACT_S)) for actor in self._actors.values()}
        if closing:
            ended, late = await asyncio.wait(closing, timeout=2 * LAST_ACT_S)
            for task in late:
                task.cancel()
            for error in filter(None, (task.exception() for task in ended)):
                log.error("an actor did not let go", exc_info=error)

    def actor(self, who: str) -> Actor:
        """The one actor of an identity."""
        if who not in self._actors:
            _, personality = split_identity(who)
            known = functools.partial(self.registry.get, personality)
            self._actors[who] = Actor(
                self.context, who, known, Telling(self.mail.last_words, self.mail.tell_sender, self._relaunch)
            )
            self._actors[who].poke()
        return self._actors[who]

    def actors(self) -> list[Actor]:
        """All actors there are."""
        return list(self._actors.values())

    def _poke(self, who: str) -> None:
        self.actor(who).poke()

    def _relaunch(self, personality: str) -> None:
        """A fresh session of the peer, of the runtime that a message would go to now."""
        with contextlib.suppress(PeerError):  # several are live, or it is being removed: none is missing
            self.actor(self.route(self.registry.get(personality), None)).relaunch()

    async def keep_time(self, progressed: Callable[[], None] = lambda: None) -> None:
        """Let go, expire and type what has its time, for ever; call `progressed` with every pass."""
        store = self.context.store
        while True:
            self.mail.timed.clear()
            progressed()
            try:
                now = self.context.now_ms()
                await self._due(now)
                deadline = store.inbox.next_deadline(now)  # that same now: what comes due meanwhile is not missed
            except PeerError as error:  # a locked or full database
                log.warning("time: %s", error)
                deadline = self.context.now_ms() + AGAIN_MS
            left = LONG_S if deadline is None else (deadline - self.context.now_ms()) / 1000
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(LONG_S, max(0.0, left))):  # a clock may jump
                    await self.mail.timed.wait()

    async def _due(self, now: int) -> None:
        store = self.context.store
        await all_of(lambda: self._part_of(functools.partial(store.inbox.expire, now, PART)))
        self.mail.unstick(now)
        await all_of(lambda: self._let_go_on(now))
        due = store.inbox.due_identities(min(self._looked_ms, now), now)  # a clock may be set back
        for who in due:
            self.actor(who).poke()
        self._looked_ms = now

    def _part_of(self, end: Callable[[], list[Row]]) -> int:
        """End a part of some rows, with what their senders are told of it; how many."""
        with self.context.store.together():
            rows = end()
            for row in rows:
                self.mail.tell_sender(row)
        return len(rows)

    def _let_go_on(self, now: int) -> int:
        """A part of what a loop held up until now; how many rows."""
        store = self.context.store
        with store.together():
            rows = store.holds.release_due(now, LOOP, PART)
            for who in {row.identity for row in rows if store.peers.is_stopped(row.identity)}:
                store.holds.hold(split_identity(who)[1], STOPPED, who)
        for who in {row.identity for row in rows}:
            self.actor(who).poke()
        return len(rows)

    def poke_all(self) -> None:
        """The slow heartbeat: look at everything, in case an event was missed."""
        self.context.files.retry()
        for actor in self._actors.values():
            actor.poke()

    # ---- who is meant

    def route(self, known: Known, runtime: str | None) -> str:
        """The identity that is meant: the named runtime; else the default if it is live; else the only live one."""
        if known.personality in self._removing:
            raise Refused(f"{known.personality} is being removed.", code="removing")
        profile = known.profile
        if profile is None:
            return self._unreadable(known, runtime)
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

    def _unreadable(self, known: Known, runtime: str | None) -> str:
        """The session that lives, where the profile cannot be read now: it goes on. Else what is wrong with it."""
        live = [actor.at.identity for actor in self.of(known) if actor.at.running is not None]
        meant = [who for who in live if runtime in (None, split_identity(who)[0])]
        if len(meant) != 1:
            known.sound()
        return meant[0]

    def _live(self, who: str) -> bool:
        return who in self._actors and self._actors[who].at.running is not None

    async def ask(self, name: str, runtime: str | None, command: Callable[[Actor], Awaitable[T]]) -> tuple[Actor, T]:
        """Run a command in the actor of the identity that is meant."""
        actor = self.actor(self.route(self.registry.get(name), runtime))
        return actor, await actor.ask(command)

    # ---- messages

    def waits_for(self, row: Row) -> str:
        """Why a row that waits is not being typed, as things are now."""
        at = self.actor(row.identity).at
        if row.state is State.HELD:
            return row.reason or "held"
        if not self._is_due(row):
            return "scheduled"
        if at.unreachable is not None:
            return UNREACHABLE
        if at.running is None and at.guard.holds(at.now()):
            return GUARD
        if at.running is not None and at.stuck:
            return at.stuck if at.stuck in _OUTSIDE else "dialog"
        if row.priority != ANSWER and self.mail.is_worker(row.to):
            return EPHEMERAL
        if at.running is None or not at.running.ready:
            return "waking"
        if at.running.connecting_until is not None and at.now() < at.running.connecting_until:
            return "connecting"
        why = obstacle(at.observation, self.context.now_ms()) if at.observation else None
        ahead = at.attempt is not None  # what stands in the composer then is the message ahead, no draft
        return why if why in _OUTSIDE or (why is not None and not ahead) else "busy"

    def connected(self, caller: Caller) -> None:
        """The caller's session has asked for our tool."""
        running = self.actor(caller.identity).at.running if caller.session is not None else None
        if running is not None and running.id == caller.session:
            running.connected()

    def wakes(self, row: Row) -> bool:
        """Whether the message is one for which a session is started now."""
        if row.state is not State.QUEUED or not self._is_due(row):
            return False
        at = self.actor(row.identity).at
        return at.running is None and not at.guard.holds(at.now())

    def _is_due(self, row: Row) -> bool:
        return (row.not_before_ms or 0) <= self.context.now_ms()

    def free(self, row: Row) -> bool:
        """Whether the message is typed at once, or its actor says why not: the peer is live, with nothing ahead."""
        if row.state is not State.QUEUED or not self._is_due(row):
            return False
        at = self.actor(row.identity).at
        ready = at.running is not None and at.running.ready and not self.mail.is_worker(row.to)
        return ready and self.context.store.inbox.depth(row.identity) <= 1 and at.attempt is None

    async def until(self, message: str, enough: Callable[[Row], bool], seconds: float | None) -> Row:
        """The row once `enough` holds, or as it is after so many seconds, or when the daemon ends."""
        changed = asyncio.Event()
        self._watchers.setdefault(message, set()).add(changed)
        try:
            async with asyncio.timeout(seconds):
                while not enough(row := self._row(message)) and not self._ending:
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
        row = self.context.store.inbox.row(message)
        if row is None:
            raise Refused(f"There is no message '{message}'.", code="unknown-message")
        return row

    def delivered(self, row: Row) -> bool:
        """Whether the agent's record was seen to hold the message."""
        if row.outcome in UNTYPED:
            return False
        if row.state in (State.RUNNING, State.DONE, State.NEEDS_INPUT, State.NEEDS_VERIFICATION):
            return True
        return any(event.ev == "delivered" for event in self.context.store.events.page(message=row.message))

    # ---- peers

    async def stop(self, known: Known, runtime: str | None = None) -> None:
        """The intent first, then the sessions of the peer, or of this runtime alone; their messages are held."""
        await self.stops.stop(known.personality, runtime)
        await self._end_stopped(known)
        await self.stops.hold(known.personality)

    async def _end_stopped(self, known: Known) -> None:
        for actor in self.of(known):
            if self.context.store.peers.is_stopped(actor.at.identity):
                await actor.ask(_stop)

    async def let_go(self, known: Known, runtime: str | None = None) -> None:
        """A peer may live again; with a runtime, those that were stopped by themselves stay down but for that one."""
        await self.stops.start(known.personality, runtime)
        for actor in self.of(known):
            actor.poke()

    async def remove(self, known: Known, force: bool) -> None:
        """End the peer's sessions and forget it. Refused while it is live, unless forced."""
        live = [actor for actor in self.of(known) if actor.at.running is not None]
        if live and not force:
            raise Refused(f"{known.personality} is live: stop it first, or use --force.", code="live")
        waiting = self.context.store.inbox.count_unfinished(known.personality)
        if waiting and not force:
            raise Refused(f"{known.personality} has {waiting} message(s) waiting: --force drops them.", code="waiting")
        self._removing.add(known.personality)
        try:
            self.context.store.peers.set_stopped(known.personality, True)  # else a waiting message would wake it again
            for actor in self.of(known):
                await actor.ask(_stop)
                await actor.close()
                del self._actors[actor.at.identity]
            self.context.store.peers.begin_removal(known.personality)
            bury = functools.partial(self.context.store.inbox.end_all, known.personality, PART)
            await all_of(lambda: self._part_of(bury))
            await all_of(lambda: self.context.store.inbox.disown(known.personality, DISOWNED))
            self.registry.remove(known.personality)
        finally:
            self._removing.discard(known.personality)

    async def move(self, known: Known, folder: Path) -> tuple[Known, str | None]:
        """Record the peer's new folder; (the peer, what is lost by it). Refused while it is live."""
        if any(actor.at.running is not None for actor in self.of(known)):
            raise Refused(f"{known.personality} is live: stop it first.", code="live")
        moved = self.registry.move(known.personality, folder)
        for actor in self.of(moved):  # what waits need not wait for the next try
            forgive(actor.at)
            actor.poke()
        adapters = [self._last_used(identity(name, moved.personality)) for name in moved.sound().runtimes]
        kept = [adapter.title for adapter in adapters if adapter.launch.by_folder]
        warning = f"{', '.join(kept)} keeps conversations by folder: earlier ones cannot be resumed." if kept else None
        return moved, warning if moved.folder != known.folder else None

    def _last_used(self, who: str) -> Adapter:
        """The adapter of the version that this identity last ran, as `resuming` goes by."""
        last = self.context.store.sessions.last(who)
        if last is not None:
            return self.context.adapter_of(last)
        return self.registry.catalogue.get(split_identity(who)[0]).adapter

    def of(self, known: Known) -> list[Actor]:
        """The actors of a peer, as far as there are any."""
        return [actor for actor in self.actors() if actor.at.personality == known.personality]

    # ---- telling

    def _observe(self, event: Event) -> None:
        for changed in self._watchers.get(event.message or "", ()):
            changed.set()
        for changed in self._streams:
            changed.set()

    def end_waits(self) -> None:
        """The daemon ends: nobody waits any more, for an event or a message."""
        self._ending = True
        for changed in self._streams.union(*self._watchers.values()):
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


class GoesOn(TimedOut):
    """What a caller that waited in vain is told; the message itself goes on. `row`: as it is now."""

    def __init__(self, row: Row, seconds: float, code: str | None = None) -> None:
        why = f" ({row.reason})" if row.reason else ""
        super().__init__(
            f"Message {row.message} is {row.state}{why} after {seconds:g} s and goes on: "
            f"`iapeer message {row.message}`.", code=code,
        )  # fmt: skip
        self.row = row
