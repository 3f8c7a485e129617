"""What people ask of a whole peer: that it stops or may live again, moves, or is removed."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path

from iapeer.actors.actor import Actor
from iapeer.actors.guarding import reset_guard
from iapeer.fleet.fleet import Fleet
from iapeer.fleet.parts import all_of, end_part
from iapeer.model.causes import EndCause
from iapeer.model.errors import PeerError, Refused
from iapeer.model.names import identity, split_identity
from iapeer.peers.registry import RegisteredPeer
from iapeer.runtimes.adapter import Adapter
from iapeer.store import PART

DISOWNED = 1000  # rows of a removed peer that are let go of in one transaction: they are only written, not told


async def stop(fleet: Fleet, known: RegisteredPeer, runtime: str | None = None) -> None:
    """The intent first, then the sessions of the peer, or of this runtime alone; their messages are held."""
    await fleet.holds.stop(known.personality, runtime)
    await _end_stopped(fleet, known)
    await fleet.holds.hold_stopped(known.personality)


async def let_go(fleet: Fleet, known: RegisteredPeer, runtime: str | None = None) -> None:
    """A peer may live again; with a runtime, those that were stopped by themselves stay down but for that one."""
    await fleet.holds.start(known.personality, runtime)
    for actor in fleet.of(known):
        actor.poke()


async def mend(fleet: Fleet, personality: str) -> None:
    """What the last daemon had begun with a peer's inbox, and what only a daemon that lives can wait for."""
    await fleet.holds.release_lost(personality)
    await fleet.holds.mend(personality)
    with contextlib.suppress(PeerError):  # its actor tells what is wrong, and tries again
        await _end_stopped(fleet, fleet.registry.get(personality))


async def _end_stopped(fleet: Fleet, known: RegisteredPeer) -> None:
    for actor in fleet.of(known):
        if fleet.context.store.peers.is_stopped(actor.identity):
            await actor.ask(_stop)


async def remove(fleet: Fleet, known: RegisteredPeer, force: bool) -> None:
    """End the peer's sessions and forget it. Refused while it is live or messages wait for it, unless forced."""
    if not force:
        _check_removable(fleet, known)
    fleet.removing.add(known.personality)
    try:
        await _remove(fleet, known)
    finally:
        fleet.removing.discard(known.personality)


def _check_removable(fleet: Fleet, known: RegisteredPeer) -> None:
    if fleet.live_identities(known):
        raise Refused(f"{known.personality} is live: stop it first, or use --force.", code="live")
    waiting = fleet.context.store.inbox.count_unfinished(known.personality)
    if waiting:
        raise Refused(f"{known.personality} has {waiting} message(s) waiting: --force drops them.", code="waiting")


async def _remove(fleet: Fleet, known: RegisteredPeer) -> None:
    store = fleet.context.store
    store.peers.set_stopped(known.personality, True)  # else a waiting message would wake it again
    for actor in fleet.of(known):
        await actor.ask(_stop)
    await fleet.forget(known.personality)
    store.peers.begin_removal(known.personality)
    end = functools.partial(store.inbox.end_all, known.personality, PART)
    await all_of(lambda: end_part(store, end, fleet.senders.tell_sender))
    await all_of(lambda: store.inbox.disown(known.personality, DISOWNED))
    fleet.registry.remove(known.personality)


async def _stop(actor: Actor) -> None:
    await actor.ending.end(EndCause.STOP)


async def move(fleet: Fleet, known: RegisteredPeer, folder: Path) -> tuple[RegisteredPeer, str | None]:
    """Record the peer's new folder; (the peer, what is lost by it). Refused while it is live."""
    if fleet.live_identities(known):
        raise Refused(f"{known.personality} is live: stop it first.", code="live")
    moved = fleet.registry.move(known.personality, folder)
    for actor in fleet.of(moved):  # what waits need not wait for the next try
        reset_guard(actor.at)
        actor.poke()
    adapters = [_last_used(fleet, identity(name, moved.personality)) for name in moved.sound().runtimes]
    kept = [adapter.title for adapter in adapters if adapter.launch.by_folder]
    warning = f"{', '.join(kept)} keeps conversations by folder: earlier ones cannot be resumed." if kept else None
    return moved, warning if moved.folder != known.folder else None


def _last_used(fleet: Fleet, who: str) -> Adapter:
    """The adapter of the version that this identity last ran, as `resuming` goes by."""
    last = fleet.context.store.sessions.last(who)
    if last is not None:
        return fleet.context.adapter_of(last)
    return fleet.registry.catalogue.get(split_identity(who)[0]).adapter
