"""What people and programs ask of one identity: commands that run inside its actor."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from iapeer.actors.actor import INTERRUPT_S, Actor
from iapeer.actors.delivering import COMMAND, clear
from iapeer.actors.guarding import again_s, forgive
from iapeer.actors.waking import Call
from iapeer.actors.working import arm
from iapeer.model.causes import ArmReason, EndCause, WaitReason
from iapeer.model.errors import Failed, Refused, TimedOut
from iapeer.model.sanitise import sanitise
from iapeer.sessions.live import LiveSession
from iapeer.sessions.observation import Observation, blocked, busy, obstacle
from iapeer.store import FRESH, REFRESH
from iapeer.testing import faults
from iapeer.tmux import attach_argv

COMMAND_S, SOON_S = 5.0, 0.1  # for a command to show in the composer, and between looks
BEGINS_S = 1.0  # from a turn's begin on record until the agent shows it: measured, at most 0.12
SETTLE_S = 3.0  # from a turn's end on record until the agent shows that it is at rest
COMPACT_S, COMPACT_LOOK_S = 290.0, 0.25
REST_S = 10.0  # an agent at rest for so long without having compacted will not


@dataclass(frozen=True)
class Shown:
    """How a person gets to see a session."""

    session: str
    argv: list[str]
    woke: bool


async def start(actor: Actor) -> None:
    """A session is wanted now, whatever failed before. Returns once it is launched."""
    at = actor.at
    forgive(at)
    if at.running is None:
        await actor.waken(Call("start"))


async def new(actor: Actor) -> None:
    """A fresh session in place of the one that lives."""
    forgive(actor.at)
    await actor.may_wake()  # the old one is not ended for a launch that would be refused
    await actor.end(EndCause.NEW)
    await actor.waken(Call("new"))


async def stop(actor: Actor) -> None:
    """End the session."""
    await actor.end(EndCause.STOP)


async def attach(actor: Actor, read_only: bool) -> Shown:
    """How to see the session; one that sleeps resumes its recorded conversation."""
    woke = actor.at.running is None
    await waken(actor)
    actor.at.active = actor.at.now()  # somebody is about to look: it is not put to sleep meanwhile
    await actor.at.live().keep_reachable()
    return _shown(actor.at.live(), read_only, woke)


async def waken(actor: Actor) -> None:
    """A session that sleeps resumes its recorded conversation; Refused when there is none, or the guard holds."""
    at = actor.at
    if at.running is not None:
        return
    if at.guard.holds(at.now()):
        raise Refused(
            f"{at.personality} keeps dying ({at.guard.error}): it is left down for {again_s(at)} s, "
            f"or until `iapeer start {at.personality}`.",
            code="guard",
        )
    await actor.waken(Call("attach"))


async def refresh(actor: Actor) -> None:
    """The next natural wake is to be a fresh one."""
    at = actor.at
    at.context.store.flags.set(at.identity, at.personality, REFRESH)


async def self_done(actor: Actor, session: str) -> None:
    """A worker's agent says that it has done its task: its session ends once it is quiet."""
    at = actor.at
    _own(actor, session)
    if not at.worker:
        raise Refused(
            f"{at.personality} is no ephemeral worker: its session goes on, there is nothing to end.",
            code="no-worker",
        )
    arm(at, ArmReason.SELF_DONE)


async def self_fresh(actor: Actor, session: str) -> None:
    """An agent wants a fresh session in place of its own: once its turn is over, so that its message is not cut off."""
    at = actor.at
    _own(actor, session)
    if at.worker:
        raise Refused(
            f"{at.personality} is an ephemeral worker: every task has a fresh session anyway; end this one with "
            "`iapeer self done`.", code="worker",
        )  # fmt: skip
    at.context.store.flags.set(at.identity, at.personality, FRESH)


def _own(actor: Actor, session: str) -> None:
    if actor.at.running is None or actor.at.running.id != session:
        raise Refused("This session has ended.", code="ended")


async def folder_launch(actor: Actor, extra: tuple[str, ...]) -> Shown:
    """`iapeer RUNTIME` in a folder: the live session, or a fresh one."""
    at = actor.at
    woke = at.running is None
    if woke:
        forgive(at)
        await actor.waken(Call("folder-launch"), extra)
    await at.live().keep_reachable()
    return _shown(at.live(), False, woke)


async def interrupt(actor: Actor) -> None:
    """Press the adapter's interrupt key, and wait until the turn is over."""
    at = actor.at
    _ready(actor)
    if not await _in_turn(actor):
        raise Refused(f"{at.personality} is not in a turn: there is nothing to interrupt.", code="idle")
    if not await actor.interrupted(INTERRUPT_S):
        raise TimedOut(f"{at.personality} did not end its turn within {INTERRUPT_S:.0f} s: look with `iapeer peek`.")


async def _in_turn(actor: Actor) -> bool:
    """Whether it is in a turn. One that just began may be on record before the live state shows it."""
    until = actor.at.now() + BEGINS_S
    while not busy(observation := await actor.look()):
        if not observation.turn.open or actor.at.now() > until:
            return False
        await actor.changed(SOON_S)
    return True


@dataclass(frozen=True)
class Compaction:
    """A compaction that was asked for: in which session, and how many there were before."""

    running: LiveSession
    before: int


async def compact(actor: Actor) -> Compaction:
    """Type the adapter's command into a free composer, and submit it once it stands there alone."""
    at = actor.at
    running = _ready(actor)
    command = running.adapter.commands.compact
    if command is None:
        raise Refused(f"{running.adapter.title} has no command to compact a conversation.", code="no-command")
    observation, why = await _free(actor)
    if why is not None:
        raise Refused(f"{at.personality} cannot compact now ({why}): try again when it is idle.", code=why)
    before = observation.turn.compactions
    at.tell("compact")
    await _submit(actor, running, command)
    return Compaction(running, before)


async def _free(actor: Actor) -> tuple[Observation, str | None]:
    """A look, and what stands in the way of typing; a turn whose end is on record may take a moment to look like it."""
    at = actor.at
    deadline = at.now() + SETTLE_S
    while True:
        observation = await actor.look()
        why = WaitReason.BUSY if at.attempt is not None else obstacle(observation, at.context.now_ms())
        if why is not WaitReason.BUSY or at.attempt is not None or observation.turn.open or at.now() > deadline:
            return observation, why
        await actor.changed(SOON_S)


async def _submit(actor: Actor, running: LiveSession, command: str) -> None:
    """As a message is typed: pasted once, Enter only while exactly it stands there. What is not taken is taken out."""
    at = actor.at
    typing, mark = running.adapter.typing, f"{COMMAND}{at.context.now_ms()}"
    at.text = command
    try:
        if not await running.tmux.paste([command.encode()], mark):
            raise Refused(f"{at.personality} is in copy mode: leave it first.", code="copy-mode")
        faults.point("command:pasted")
        shown = await _composer(actor, ours=True, seconds=COMMAND_S)
        await asyncio.sleep(typing.gap_ms / 1000)
        for number in range(1, typing.max_submits + 1 if shown else 1):
            if (observation := await actor.look()).ours and blocked(observation, at.context.now_ms()) is None:
                await running.tmux.key(typing.submit, f"{mark}:{number}")
            if await _composer(actor, ours=False, seconds=typing.retry_ms / 1000):
                return
        await clear(at, command)
        raise Failed(f"{at.personality} did not take the command {command}: look with `iapeer peek`.")
    finally:
        at.text = None


async def _composer(actor: Actor, *, ours: bool, seconds: float) -> bool:
    """Whether the composer comes to show what we typed, or no longer does, within so long."""
    deadline = actor.at.now() + seconds
    while (await actor.look()).ours is not ours:
        if actor.at.now() > deadline:
            return False
        await actor.changed(SOON_S)
    return True


async def compacted(actor: Actor, asked: Compaction) -> None:
    """Wait until the transcript says that it is done, outside the actor: it may serve others meanwhile."""
    at = actor.at
    deadline, rest = at.now() + COMPACT_S, at.now() + REST_S
    while asked.running.turn.compactions <= asked.before or at.activity()[0] == "busy":
        if at.running is not asked.running:
            raise Failed(f"{at.personality}'s session ended while it compacted.", code="ended")
        if at.activity()[0] == "busy":
            rest = at.now() + REST_S
        if at.now() > rest:
            shown = at.observation.screen.tail() if at.observation else ""
            raise Failed(f"{at.personality} did not compact its conversation: {shown}", code="not-compacted")
        if at.now() > deadline:
            raise TimedOut(f"{at.personality} has not compacted its conversation within {COMPACT_S:.0f} s.")
        actor.poke()
        await asyncio.sleep(COMPACT_LOOK_S)


async def answer(actor: Actor, key: str | None, text: str | None) -> None:
    """Press one key, or type a text without Enter: a person's deliberate answer to what is on the screen."""
    running = _live(actor)
    tmux = running.tmux
    done = await tmux.key(key) if key is not None else await tmux.literal(sanitise(text or "").text)
    if not done:
        raise Refused(f"{actor.at.personality} is in copy mode: leave it first.", code="copy-mode")
    actor.at.tell("answered", key=key, length=len(text or ""))


async def screen(actor: Actor) -> tuple[str, str]:
    """(session id, the visible screen as text)."""
    running = _live(actor)
    _, text = await running.tmux.look(escapes=False)
    return running.id, "\n".join(line.rstrip() for line in text.splitlines()).rstrip() + "\n"


def _live(actor: Actor) -> LiveSession:
    at = actor.at
    if at.running is None:
        raise Refused(f"{at.identity} is not live: `iapeer start {at.personality}` wakes it.", code="asleep")
    return at.running


def _ready(actor: Actor) -> LiveSession:
    running = _live(actor)
    if not running.ready:
        raise Refused(f"{actor.at.identity} is still starting.", code="starting")
    return running


def _shown(running: LiveSession, read_only: bool, woke: bool) -> Shown:
    return Shown(running.id, attach_argv(running.tmux.socket, read_only), woke)
