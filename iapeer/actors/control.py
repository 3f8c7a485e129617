"""What people and programs ask of one identity: commands that run inside its actor."""

from __future__ import annotations

from dataclasses import dataclass

from iapeer.actors.actor import Actor
from iapeer.actors.guarding import again_s, reset_guard
from iapeer.actors.lifecycle.wake import WakeRequest
from iapeer.actors.looking import arm
from iapeer.model.causes import ArmReason, EndCause
from iapeer.model.errors import Refused, TimedOut
from iapeer.model.sanitise import sanitise
from iapeer.sessions.live import LiveSession
from iapeer.sessions.observation import busy
from iapeer.store import FRESH, REFRESH
from iapeer.tmux import attach_argv


@dataclass(frozen=True)
class Shown:
    """How a person gets to see a session."""

    session: str
    argv: list[str]
    woke: bool


async def start(actor: Actor) -> None:
    """A session is wanted now, whatever failed before. Returns once it is launched."""
    at = actor.at
    reset_guard(at)
    if at.session is None:
        await actor.launching.waken(WakeRequest("start"))


async def new(actor: Actor) -> None:
    """A fresh session in place of the one that lives."""
    reset_guard(actor.at)
    await actor.launching.check_launch()  # the old one is not ended for a launch that would be refused
    await actor.ending.end(EndCause.NEW)
    await actor.launching.waken(WakeRequest("new"))


async def stop(actor: Actor) -> None:
    """End the session."""
    await actor.ending.end(EndCause.STOP)


async def attach(actor: Actor, read_only: bool) -> Shown:
    """How to see the session; one that sleeps resumes its recorded conversation."""
    woke = actor.at.session is None
    await waken(actor)
    actor.at.current().active = actor.at.now()  # somebody is about to look: it is not put to sleep meanwhile
    live = actor.at.current().live
    await live.keep_reachable()
    return _shown(live, read_only, woke)


async def waken(actor: Actor) -> None:
    """A session that sleeps resumes its recorded conversation; Refused when there is none, or the guard holds."""
    at = actor.at
    if at.session is not None:
        return
    if at.guard.holds(at.now()):
        raise Refused(
            f"{at.personality} keeps dying ({at.guard.error}): it is left down for {again_s(at)} s, "
            f"or until `iapeer start {at.personality}`.",
            code="guard",
        )
    await actor.launching.waken(WakeRequest("attach"))


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
    if actor.at.live is None or actor.at.live.id != session:
        raise Refused("This session has ended.", code="ended")


async def folder_launch(actor: Actor, extra: tuple[str, ...]) -> Shown:
    """`iapeer RUNTIME` in a folder: the live session, or a fresh one."""
    at = actor.at
    woke = at.session is None
    if woke:
        reset_guard(at)
        await actor.launching.waken(WakeRequest("folder-launch"), extra)
    live = at.current().live
    await live.keep_reachable()
    return _shown(live, False, woke)


async def interrupt(actor: Actor) -> None:
    """Press the adapter's interrupt key, and wait until the turn is over."""
    at = actor.at
    ready_session(actor)
    if not await _in_turn(actor):
        raise Refused(f"{at.personality} is not in a turn: there is nothing to interrupt.", code="idle")
    if not await actor.interrupt():
        seconds = at.context.timing.control.interrupt
        raise TimedOut(f"{at.personality} did not end its turn within {seconds:.0f} s: look with `iapeer peek`.")


async def _in_turn(actor: Actor) -> bool:
    """Whether it is in a turn. One that just began may be on record before the live state shows it."""
    waits = actor.at.context.timing.control
    until = actor.at.now() + waits.begins
    while not busy(observation := await actor.look()):
        if not observation.turn.open or actor.at.now() > until:
            return False
        await actor.changed(waits.soon)
    return True


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
    if at.live is None:
        raise Refused(f"{at.identity} is not live: `iapeer start {at.personality}` wakes it.", code="asleep")
    return at.live


def ready_session(actor: Actor) -> LiveSession:
    """Return the session, which takes input; Refused where there is none, or it does not yet."""
    running = _live(actor)
    if not running.ready:
        raise Refused(f"{actor.at.identity} is still starting.", code="starting")
    return running


def _shown(running: LiveSession, read_only: bool, woke: bool) -> Shown:
    return Shown(running.id, attach_argv(running.tmux.socket, read_only), woke)
