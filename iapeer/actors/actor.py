"""The actor of one identity: all acts on it run here, one after the other, driven by events and deadlines."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace

from iapeer.actors.booting import Boot, GiveUp, Press, Ready, Stuck, Wait, boot
from iapeer.actors.delivering import Delivering
from iapeer.actors.delivery.settle import Rules, settle
from iapeer.actors.guard import DEATHS, how, tail_of
from iapeer.actors.guarding import died, launch_failed, left_down, recall, release
from iapeer.actors.leaving import why_gone, why_it_left
from iapeer.actors.loop import Loop
from iapeer.actors.reaping import Bounds, End, Stay, Take, overdue
from iapeer.actors.resuming import Talk, talk_of
from iapeer.actors.settling import carry_out, evidence_left
from iapeer.actors.sleeping import active_before, call_of, decided, may_park, sleeps_at
from iapeer.actors.starts import Starts
from iapeer.actors.station import Station, Telling
from iapeer.actors.waking import Call
from iapeer.actors.working import arm, bounds_of, file_answer, is_worker, let_in, next_of
from iapeer.model.causes import ArmReason, BlockedReason, EndCause, WaitReason, WakeCause, WakeMode
from iapeer.model.errors import Failed, PeerError, Refused
from iapeer.model.states import OPEN
from iapeer.peers.registry import Known
from iapeer.sessions.adopt import adopt
from iapeer.sessions.aftermath import clear_away
from iapeer.sessions.context import Context
from iapeer.sessions.launch import launch
from iapeer.sessions.live import Ended, LiveSession
from iapeer.sessions.observation import Observation, blocked, busy, obstacle, works
from iapeer.sessions.preflight import LaunchRequest, preflight
from iapeer.sessions.privatefiles import forget_files
from iapeer.store import ANSWER, FRESH, PARKING, Row, SessionRecord

SEEN = frozenset(  # obstacles that a look met
    {WaitReason.BUSY, WaitReason.DIALOG, WaitReason.DRAFT, WaitReason.NO_COMPOSER, WaitReason.NOT_THE_AGENT}
)
PARK_LOOK_S = 60.0  # between looks at a session that is due to sleep and may not
LOOK_APART_S = 0.1  # between looks at an agent that works on our message
INTERRUPT_S = 10.0  # for a turn to end after the interrupt key


class Actor(Loop):
    """Consumes one identity's inbox. `poke` makes it look; `ask` runs a command between two of its acts."""

    def __init__(self, context: Context, identity: str, known: Callable[[], Known], telling: Telling) -> None:
        super().__init__(Station(context, identity, telling))
        recall(self.at)
        self._known = known
        self._delivering = Delivering(self.at)
        self._starts = Starts()
        self._eager = False  # a fresh session is wanted, whether or not a message waits
        self.found = asyncio.Event()  # a session that outlived the last daemon was looked for
        self.begin()

    # ---- from outside

    def relaunch(self) -> None:
        """A fresh session is wanted now, in place of one that its agent gave up."""
        self._eager = True
        self.poke()

    async def until_ready(self) -> LiveSession:
        """The session once it takes input; PeerError when its start fails or a person is needed."""
        running = self.at.running
        if running is not None and running.ready:
            return running
        self.poke()  # where there is no session any more, the next act says so
        return await self._starts.wait()

    async def close(self, seconds: float | None = None) -> None:
        """Let go, breaking off an act that takes longer (None: none is): the session lives on without us."""
        await self.finish(seconds)
        self._answer_all(Failed("The daemon stops, or the peer is removed.", code="stopping"))
        if self.at.running is not None:
            await self.at.running.release()

    def _answer_all(self, error: PeerError) -> None:
        """Nobody who asked is left waiting."""
        self.refuse_commands(error)
        self._starts.fail(error)

    def forget(self) -> None:
        self._delivering.forget()

    # ---- the loop

    async def step(self) -> float | None:
        """One act, or none; when to act next at the latest."""
        at = self.at
        if at.ending is not None:  # it is over, and that could not be put on record
            await self.bury(*at.ending)
        if at.running is None:
            await self._find()
        await self.serve()
        if at.running is None:
            return await self._asleep()
        if at.running.ready:
            self._starts.ready(at.running)
        self._eager = False  # a session is there
        row = at.context.store.inbox.in_flight(at.identity)
        if row is not None and self._can_glance(row) and await self._delivering.glance(row):
            return at.now()
        worker = self._is_worker()
        if release(at) or (not (worker and at.people) and let_in(at)):
            return at.now()
        waiting = at.context.store.inbox.next_waiting(at.identity) if row is None else None
        later = self._later(row) if row is not None else self._apart() if waiting and waiting.reason in SEEN else None
        if later is not None:
            return later
        observation = await self.look()
        if observation.gone:
            await self.bury(EndCause.EXIT, await at.running.conclude())
            return at.now()
        if blocked(observation, at.context.now_ms()) == BlockedReason.LOGIN:
            at.running.login.ask(observation.turn, awaited=waiting is not None or not at.running.ready)
        if not at.running.ready:
            return await self._boot(observation)
        if row is not None:
            return await self._in_flight(row, observation)
        if FRESH in at.context.store.flags.of(at.identity) and not works(observation):
            await self.end(EndCause.FRESH)
            return at.now()
        if waiting is not None and file_answer(at, waiting):
            return at.now()
        if worker:
            return await self._work(waiting, observation)
        return await self._begin(waiting, observation) if waiting else await self._idle(observation)

    # ---- a worker's session

    def _is_worker(self) -> bool:
        """Whether every task has a session of its own here; by what could last be read."""
        profile = self._known().profile
        if profile is not None:
            self.at.worker = is_worker(profile)
        return self.at.worker

    async def _work(self, waiting: Row | None, observation: Observation) -> float | None:
        """Nothing is in flight in a worker's session: take the answer or the task, go on, or end.

        An answer to its own question goes first, but keeps alive no session that cannot take it.
        """
        at = self.at
        answer = waiting if waiting is not None and waiting.priority == ANSWER else None
        following = next_of(at, self._bounds(), waiting if answer is None else None, observation)
        if answer is not None and (
            obstacle(observation, at.context.now_ms()) is None or not isinstance(following, End)
        ):
            later = following.until if isinstance(following, Stay) else None
            return _first(await self._begin(answer, observation), later)
        match following:
            case Take():
                return await self._begin(waiting, observation) if waiting else None
            case End(cause):
                await self._reap(cause)
                return at.now()
            case Stay(until):
                return until

    def _bounds(self) -> Bounds:
        return bounds_of(self._known().profile, self.at.live().adapter)

    async def _reap(self, cause: EndCause) -> None:
        """A worker's session is over by the rules: no death, and nothing to resume."""
        at = self.at
        at.tell("reaping", cause=cause, idle_s=round(at.now() - at.active, 1))
        if cause == EndCause.TIMEOUT:
            await self.interrupted(INTERRUPT_S)
        await self.bury(cause, await at.live().end())

    async def interrupted(self, seconds: float) -> bool:
        """Press the adapter's interrupt key; whether the turn is over within so long."""
        at = self.at
        running = at.live()
        at.tell("interrupt")
        await running.tmux.key(running.adapter.keys.interrupt)
        deadline = at.now() + seconds
        while busy(observation := await self.look()) and not observation.gone:
            if at.now() > deadline:
                return False
            await self.changed(0.5)
        return True

    async def _begin(self, waiting: Row, observation: Observation) -> float | None:
        """Type the message, once the agent has our tool; it is not waited for long."""
        until = self.at.live().connecting_until
        if until is not None and self.at.now() < until:
            self.at.context.store.inbox.note_reason(waiting.message, WaitReason.CONNECTING)
            return until
        return await self._delivering.begin(waiting, observation)

    async def _find(self) -> None:
        """A session on record that has no end was another daemon's: take it over, before anything else is done."""
        last = self.at.context.store.sessions.last(self.at.identity)
        try:
            if last is not None and last.ended_ms is None:
                await self.adopt(last)
            self.at.unreachable = None
        except PeerError as error:
            self.at.unreachable = str(error)
            lives = f"{self.at.identity} lives and cannot be reached: {error}"
            self._answer_all(Failed(lives, code="unreachable-session"))
            raise
        finally:
            self.found.set()

    def _can_glance(self, row: Row) -> bool:
        running = self.at.live()
        return row.session == running.id and running.ready and not running.gone

    def _later(self, row: Row) -> float | None:
        """When the screen is worth its next look: once Enter is pressed, the transcript tells the news."""
        at = self.at
        submitted = row.state in OPEN or (at.attempt is not None and at.attempt.enters > 0)
        return self._apart() if submitted and self._can_glance(row) else None

    def _apart(self) -> float | None:
        """When the next look is due, if the last one was only just."""
        due = self.at.looked + LOOK_APART_S
        return due if self.at.now() < due else None

    async def look(self) -> Observation:
        """Look at the session, and notice people who came or went."""
        at = self.at
        at.observation = observation = await at.live().look(at.text)
        at.looked = at.now()
        at.saw(observation)
        if at.live().ready and not observation.gone:
            at.tell_asked(blocked(observation, at.context.now_ms()))
        if not observation.gone and observation.people != at.people:
            await self._people(observation.people)
        return observation

    async def _people(self, now: int) -> None:
        at = self.at
        before = at.people
        if bool(before) != bool(now):
            await at.live().tmux.person_view(now > 0)
        at.tell("attached" if now > before else "detached", people=now)
        at.people = now
        if at.worker and before and not now and not at.live().fresh:
            arm(at, ArmReason.LEFT)  # it was resumed to be looked at, and takes no task

    async def _idle(self, observation: Observation) -> float | None:
        """Nothing to do: put the session to sleep when it has been at rest for long enough."""
        at = self.at
        profile = self._known().profile
        if profile is None:  # it cannot be read now
            return at.now() + PARK_LOOK_S
        due = await sleeps_at(at, profile.idle_secs)
        if at.now() < due:
            # Then the next look asks its program again.
            asks = blocked(observation, at.context.now_ms()) == BlockedReason.LOGIN
            return min(due, at.live().login.due(awaited=False)) if asks else due
        if not may_park(observation, at.context.now_ms()):
            return at.now() + PARK_LOOK_S
        at.tell("parking", idle_s=round(at.now() - at.active))
        at.context.store.flags.set(at.identity, at.personality, PARKING)
        await self.bury(EndCause.PARKED, await at.live().end())
        return at.now()

    async def _in_flight(self, row: Row, observation: Observation) -> float | None:
        at = self.at
        if row.session != at.live().id:
            await self._settle(row, None)
            return at.now()
        due = overdue(at.working, self._bounds()) if at.worker and not observation.people else None
        if due is not None and at.now() >= due:
            await self._reap(EndCause.TIMEOUT)
            return at.now()
        return _first(await self._delivering.step(row, observation), due)

    # ---- asleep and waking

    async def _asleep(self) -> float | None:
        at = self.at
        self._starts.fail(Failed(f"{at.identity} ended before it took input: `iapeer logs` says why.", code="ended"))
        row = at.context.store.inbox.in_flight(at.identity)
        if row is not None:
            await self._settle(row, None)
        if let_in(at):
            return at.now()
        waiting = at.context.store.inbox.next_waiting(at.identity)
        if waiting is not None and file_answer(at, waiting):
            return at.now()
        if at.context.store.flags.clear(at.identity, FRESH):
            at.telling.fresh(at.personality)
        eager, self._eager = self._eager, False
        if at.context.store.peers.get(at.personality) is None or at.context.store.peers.is_stopped(at.identity):
            return None
        if (until := left_down(at)) is not None:
            return until
        if eager:
            with contextlib.suppress(PeerError):  # told and counted; the next message tries again
                await self.waken(Call("eager"))
            return at.now()
        return await self._waken_for(waiting) if waiting else None

    async def _waken_for(self, waiting: Row) -> float:
        at = self.at
        at.context.store.inbox.note_reason(waiting.message, WaitReason.WAKING)
        with contextlib.suppress(PeerError):  # told and counted already; the row waits for the next try
            talk = talk_of(at)
            await self.waken(call_of(at, waiting, talk.last), talk=talk)
        return at.now()

    async def waken(self, call: Call, extra: tuple[str, ...] = (), talk: Talk | None = None) -> LiveSession:
        """Wake as the table says. Refused when there is nothing to resume and a fresh session was not asked for.

        `talk`: the last conversation, where it was looked at just now.
        """
        at = self.at
        talk = talk or talk_of(at)
        found = decided(at, self._known().profile, call, talk)
        conversation = talk.last.conversation if talk.last is not None else None
        if found.misses and talk.lost:
            what = {"mode": found.mode, "cause": found.cause, "conversation": conversation, "why": talk.why}
            at.tell("not_resumed", call.message, **what)
        if found.mode is WakeMode.REFUSED:
            raise _nothing_to_resume(at.personality, talk.why)
        return await self.wake(found.mode, found.cause, conversation if found.mode is WakeMode.RESUME else None, extra)

    async def may_wake(self) -> None:
        """PeerError when a launch would be refused now."""
        await preflight(self.at.context, LaunchRequest(self._known(), self.at.runtime, WakeMode.FRESH, WakeCause.NEW))

    async def wake(
        self, mode: WakeMode, cause: WakeCause, conversation: str | None = None, extra: tuple[str, ...] = ()
    ) -> LiveSession:
        """Launch a session. Raises PeerError after counting the failure."""
        at = self.at
        at.born = at.now()
        try:
            request = LaunchRequest(self._known(), at.runtime, mode, cause, conversation, extra)
            at.running = await launch(at.context, request, self.poke)
        except PeerError as error:
            self._launch_failed(str(error))
            raise
        except OSError as error:
            self._launch_failed(str(error))
            raise Failed(f"{at.identity} could not be launched: {error}.", code="launch-failed") from error
        at.boot = Boot(since=at.now(), changed=at.now())
        at.active = at.now()
        self.poke()
        return at.running

    async def _boot(self, observation: Observation) -> float | None:
        at = self.at
        running, memory = at.live(), (at.boot or Boot(at.now(), changed=at.now())).seen(observation, at.now())
        at.boot = memory
        live = running.has_live_state
        act = boot(running.adapter, self._permissions(), observation, memory, at.now(), at.context.now_ms(), live=live)
        match act:
            case Press(key, dialog):
                if await running.tmux.key(key):
                    at.boot = replace(memory, pressed=memory.text, keys=memory.keys + 1)
                    at.tell("dialog", dialog=dialog, key=key)
            case Ready(degraded):
                await self._ready(running, degraded)
                return at.now()
            case Stuck(reason):
                self._stuck(reason)
            case GiveUp(why):
                await self.bury(EndCause.LAUNCH_FAILED, await running.end(), why)
            case Wait(until):
                at.stuck = None
                return until
        return at.now() + 1.0

    def _permissions(self) -> str:
        """What the profile allows; by a profile that cannot be read now, nothing beyond the usual."""
        profile = self._known().profile
        return profile.permissions if profile is not None else "default"

    async def _ready(self, running: LiveSession, degraded: str | None) -> None:
        at = self.at
        if degraded is not None:
            running.degrade(degraded)
        await running.tmux.output(False)
        running.started()
        took = at.now() - (at.boot.since if at.boot else at.now())
        at.boot = at.stuck = None
        at.failed = None
        self._starts.ready(running)
        at.tell("ready", took_ms=round(took * 1000), conversation=running.conversation)

    def _stuck(self, reason: str) -> None:
        at = self.at
        if at.stuck != reason:
            at.tell("blocked", reason=reason)
            at.stuck = reason
        why = f"{at.live().pane.command} has its terminal" if reason == BlockedReason.NOT_THE_AGENT else reason
        text = f"{at.identity} waits for a person ({why}): `iapeer attach {at.personality}` shows its screen."
        self._starts.fail(Failed(text, code="blocked"))

    # ---- ends

    async def end(self, cause: EndCause) -> None:
        """End the session, if there is one, and settle what was in flight."""
        if self.at.ending is not None:
            await self.bury(*self.at.ending)
        elif self.at.running is not None:
            await self.bury(cause, await self.at.running.end())

    async def bury(self, cause: EndCause, ended: Ended, why: str | None = None) -> None:
        """The session is over and cleared away: record how, settle its message, count a death.

        An error leaves `ending` set: the next act begins here again, and nothing is settled or counted twice.
        """
        at = self.at
        at.ending = (cause, ended, why)
        running = at.live()
        session = at.context.store.sessions.end(
            running.id,
            cause=why_it_left(at, running, ended) if cause == "exit" else cause,
            exit_code=ended.exit_code,
            signal=ended.signal,
            last_screen=ended.last_screen[-4000:],
        )
        forget_files(at.context.layout, running.id)
        row = at.context.store.inbox.in_flight(at.identity)
        if row is not None and row.session == running.id:
            await self._settle(row, ended.pasted, session)
        at.clear()
        await self._ended(session, ended, why, booting=not running.ready)

    async def _ended(self, session: SessionRecord | None, ended: Ended, why: str | None, *, booting: bool) -> None:
        """Count a death, and tell who waited for a start."""
        at = self.at
        cause = session.end_cause if session is not None and session.end_cause else EndCause.EXIT
        said = how(ended.exit_code, ended.signal)
        if cause == EndCause.NOT_RESUMED and session is not None:
            await self._not_resumed(session)
        elif cause not in DEATHS:  # decided: no failure, but nobody need wait for it any more
            self._starts.fail(Failed(f"{at.identity} was ended while it started ({cause}).", code="ended"))
        elif not booting:
            died(at, why or f"the agent ended ({said})")
        elif session is not None and session.cause == WakeCause.FOLDER_LAUNCH:  # a person saw it, and decides
            self._starts.fail(Failed(f"{at.identity} did not start: the agent ended ({said}).", code="launch-failed"))
            at.tell("launch_failed", error=said)
        else:
            self._launch_failed(why or f"the agent ended while starting ({said})", tail_of(ended.last_screen))

    async def _not_resumed(self, session: SessionRecord) -> None:
        """The launch is sound. Who waits for a start gets a fresh session; who wanted this conversation, the reason."""
        at = self.at
        gone = at.context.store.peers.get(at.personality) is None
        if session.cause == WakeCause.ATTACH or gone or at.context.store.peers.is_stopped(at.identity):
            self._starts.fail(_nothing_to_resume(at.personality, talk_of(at).why))
        elif self._starts:
            with contextlib.suppress(PeerError):  # told and counted already
                await self.waken(Call("start"))

    async def _settle(self, row: Row, pasted: str | None, session: SessionRecord | None = None) -> None:
        at = self.at
        session = session or (at.context.store.sessions.get(row.session) if row.session else None)
        evidence = await evidence_left(at.context, row, session, pasted)
        outcome = settle([row], evidence, Rules(again=self._is_worker()))
        carry_out(at.context.store, row, evidence, outcome, at.telling)
        self._delivering.forget()

    def _launch_failed(self, why: str, screen: str = "") -> None:
        at = self.at
        launch_failed(at, why, screen)
        self._starts.fail(Failed(f"{at.identity} did not start: {at.failed}", code="launch-failed"))

    # ---- the daemon's return

    async def adopt(self, record: SessionRecord) -> None:
        """Take the session of `record` over if it lives; else record its end and settle what it left."""
        at = self.at
        found = await adopt(at.context, record, self.poke)
        if found is None:
            await clear_away(at.context, record)
            at.context.store.sessions.end(record.id, cause=why_gone(at, EndCause.LOST, left=None))
            recall(at)
            return
        at.running = found
        at.worker = record.cause == WakeCause.EPHEMERAL_POLICY  # what counts where the profile cannot be read now
        at.born = at.now()
        at.active = active_before(at, found)
        if not found.ready:
            at.boot = Boot(since=at.now(), changed=at.now())
        at.tell("readopted", conversation=found.conversation, version=record.version)
        self.poke()


def _first(*times: float | None) -> float | None:
    return min((when for when in times if when is not None), default=None)


def _nothing_to_resume(personality: str, why: str | None) -> Refused:
    return Refused(
        f"{personality} has no conversation to resume ({why}): `iapeer start {personality}` begins a fresh one.",
        code="attach-nothing-to-resume",
    )
