"""What people and programs ask of one identity: commands that run inside its actor."""

from __future__ import annotations

from dataclasses import dataclass

from iapeer.actors.actor import Actor
from iapeer.model.errors import Refused, TimedOut
from iapeer.model.sanitise import sanitise
from iapeer.sessions.filewatch import places_of
from iapeer.sessions.running import Running
from iapeer.sessions.sight import busy
from iapeer.tmux import attach_argv

INTERRUPT_S = 10.0


@dataclass(frozen=True)
class Shown:
    """How a person gets to see a session."""

    session: str
    argv: list[str]
    woke: bool


async def start(actor: Actor) -> None:
    """A session is wanted now, whatever failed before. Returns once it is launched."""
    at = actor.at
    at.backoff.reset()
    if at.running is None:
        await actor.wake("fresh", "start")


async def new(actor: Actor) -> None:
    """A fresh session in place of the one that lives."""
    actor.at.backoff.reset()
    await actor.may_wake()  # the old one is not ended for a launch that would be refused
    await actor.end("new")
    await actor.wake("fresh", "new")


async def stop(actor: Actor) -> None:
    """End the session."""
    await actor.end("stop")


async def attach(actor: Actor, read_only: bool) -> Shown:
    """How to see the session; one that sleeps resumes its recorded conversation."""
    at = actor.at
    woke = at.running is None
    if woke:
        last = at.site.store.last_session(at.identity)
        if last is None or not last.conversation or not last.transcript or not places_of(last.transcript)[0]:
            raise Refused(
                f"{at.personality} sleeps with nothing to resume: use `iapeer start {at.personality}`.",
                code="attach-nothing-to-resume",
            )
        await actor.wake("resume", "attach", last.conversation)
    return _shown(at.live(), read_only, woke)


async def folder_launch(actor: Actor, extra: tuple[str, ...]) -> Shown:
    """`iapeer RUNTIME` in a folder: the live session, or a fresh one."""
    at = actor.at
    woke = at.running is None
    if woke:
        at.backoff.reset()
        await actor.wake("fresh", "folder-launch", extra=extra)
    return _shown(at.live(), False, woke)


async def interrupt(actor: Actor) -> None:
    """Press the adapter's interrupt key, and wait until the turn is over."""
    at = actor.at
    running = _ready(actor)
    if not busy(await actor.look()):
        raise Refused(f"{at.personality} is not in a turn: there is nothing to interrupt.", code="idle")
    at.tell("interrupt")
    await running.tmux.key(running.adapter.keys.interrupt)
    deadline = at.now() + INTERRUPT_S
    while busy(sight := await actor.look()) and not sight.gone:
        if at.now() > deadline:
            raise TimedOut(
                f"{at.personality} did not end its turn within {INTERRUPT_S:.0f} s: look with `iapeer peek`."
            )
        await actor.changed(0.5)


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


def _live(actor: Actor) -> Running:
    at = actor.at
    if at.running is None:
        raise Refused(f"{at.identity} is not live: `iapeer start {at.personality}` wakes it.", code="asleep")
    return at.running


def _ready(actor: Actor) -> Running:
    running = _live(actor)
    if not running.ready:
        raise Refused(f"{actor.at.identity} is still starting.", code="starting")
    return running


def _shown(running: Running, read_only: bool, woke: bool) -> Shown:
    return Shown(running.id, attach_argv(running.tmux.socket, read_only), woke)
