"""Having an agent compact its conversation: a command is typed, and its end awaited."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from iapeer.actors.actor import Actor
from iapeer.actors.control import ready_session
from iapeer.actors.delivery.composer import COMMAND, clear
from iapeer.actors.state import IdentityState
from iapeer.model.causes import WaitReason
from iapeer.model.errors import Failed, Refused, TimedOut
from iapeer.sessions.live import LiveSession
from iapeer.sessions.observation import Observation, blocked, obstacle
from iapeer.testing import faults


@dataclass(frozen=True)
class Compaction:
    """A compaction that was asked for: in which session, and how many there were before."""

    running: LiveSession
    before: int


async def compact(actor: Actor) -> Compaction:
    """Type the adapter's command into a free composer, and submit it once it stands there alone."""
    at = actor.at
    running = ready_session(actor)
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
    here, waits = at.current(), at.context.timing.control
    deadline = at.now() + waits.settle
    while True:
        observation = await actor.look()
        why = WaitReason.BUSY if here.attempt is not None else obstacle(observation, at.context.now_ms())
        if why is not WaitReason.BUSY or here.attempt is not None or observation.turn.open or at.now() > deadline:
            return observation, why
        await actor.changed(waits.soon)


async def _submit(actor: Actor, running: LiveSession, command: str) -> None:
    """As a message is typed: pasted once, Enter only while exactly it stands there. What is not taken is taken out."""
    at, here = actor.at, actor.at.current()
    typing, mark = running.adapter.typing, f"{COMMAND}{at.context.now_ms()}"
    here.text = command
    try:
        if not await running.tmux.paste([command.encode()], mark):
            raise Refused(f"{at.personality} is in copy mode: leave it first.", code="copy-mode")
        faults.point("command:pasted")
        shown = await _composer(actor, ours=True, seconds=at.context.timing.control.command)
        await asyncio.sleep(typing.gap_ms / 1000)
        for number in range(1, typing.max_submits + 1 if shown else 1):
            if (observation := await actor.look()).ours and blocked(observation, at.context.now_ms()) is None:
                await running.tmux.key(typing.submit, f"{mark}:{number}")
            if await _composer(actor, ours=False, seconds=typing.retry_ms / 1000):
                return
        await clear(at, command)
        raise Failed(f"{at.personality} did not take the command {command}: look with `iapeer peek`.")
    finally:
        here.text = None


async def _composer(actor: Actor, *, ours: bool, seconds: float) -> bool:
    """Whether the composer comes to show what we typed, or no longer does, within so long."""
    deadline, soon = actor.at.now() + seconds, actor.at.context.timing.control.soon
    while (await actor.look()).ours is not ours:
        if actor.at.now() > deadline:
            return False
        await actor.changed(soon)
    return True


async def compacted(actor: Actor, asked: Compaction) -> None:
    """Wait until the transcript says that it is done, outside the actor: it may serve others meanwhile."""
    at = actor.at
    waits = at.context.timing.control
    deadline, rest = at.now() + waits.compact, at.now() + waits.rest
    while (doing := _activity(at)) == "busy" or asked.running.turn.compactions <= asked.before:
        here = at.session
        if here is None or here.live is not asked.running:
            raise Failed(f"{at.personality}'s session ended while it compacted.", code="ended")
        if doing == "busy":
            rest = at.now() + waits.rest
        if at.now() > rest:
            shown = here.observation.screen.tail() if here.observation else ""
            raise Failed(f"{at.personality} did not compact its conversation: {shown}", code="not-compacted")
        if at.now() > deadline:
            raise TimedOut(f"{at.personality} has not compacted its conversation within {waits.compact:.0f} s.")
        actor.poke()
        await asyncio.sleep(waits.compact_look)


def _activity(at: IdentityState) -> str:
    return at.session.activity(at.context.now_ms())[0] if at.session is not None else "busy"
