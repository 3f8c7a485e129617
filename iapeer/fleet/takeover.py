"""How a daemon takes over what outlived the last one."""

from __future__ import annotations

import asyncio

from iapeer.fleet import control
from iapeer.fleet.fleet import Fleet
from iapeer.fleet.parts import REST_S
from iapeer.store import FRESH, PART, SYSTEM


async def take_over(fleet: Fleet) -> None:
    """Find the sessions that outlived the last daemon, settle what was in flight, go on with every inbox."""
    store = fleet.context.store
    fleet.registry.adopt()
    actors = [fleet.actor(record.identity) for record in store.sessions.all_open()]
    await asyncio.gather(*(actor.found.wait() for actor in actors))
    for name in store.peers.being_removed():
        await control.remove(fleet, fleet.registry.get(name), force=True)
    for peer in store.peers.all():  # the last daemon may have died between an intent and its act
        await control.mend(fleet, peer.personality)
    await _tell_untold(fleet)
    fleet.time.begin()
    for who in {*store.inbox.waiting_identities(), *store.flags.identities_with(FRESH)}:
        fleet.actor(who).poke()


async def _tell_untold(fleet: Fleet) -> None:
    """Senders of messages that came to an end, and whose daemon died before it told them."""
    store, last = fleet.context.store, 0
    while rows := store.messages.untold(SYSTEM, last, PART):
        with store.together():
            for row in rows:
                fleet.senders.tell_sender(row)
        last = rows[-1].seq
        await asyncio.sleep(REST_S)
