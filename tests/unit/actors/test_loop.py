"""The loop of an actor, with steps of the test's own, in a real store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from iapeer.actors.loop import IDLE_TURNS, Loop
from iapeer.actors.state import IdentityState, Telling
from iapeer.model.errors import Failed
from iapeer.model.timing import TIMING
from iapeer.paths.layout import layout
from iapeer.runtimes.binary import Probe
from iapeer.runtimes.load import Catalogue
from iapeer.sessions.context import Context
from iapeer.sessions.filewatch import FileWatch
from iapeer.sessions.machine import this_machine
from iapeer.store import Store
from iapeer.testing.clock import ManualClock
from tests.harness import REPO


@pytest.fixture
def at(tmp_path: Path) -> Iterator[IdentityState]:
    place = layout({"IAPEER_ROOT": str(tmp_path / "root")}).make()
    clock = ManualClock()
    store = Store(place.database, clock)
    machine = this_machine(clock, cast(FileWatch, None), place.spool, TIMING.tmux)
    catalogue = Catalogue(place.adapters, (REPO / "fixtures" / "fake.toml",))
    context = Context(place, store, catalogue, Probe(), machine, {}, str, "", list)
    yield IdentityState(context, "fake-bob", cast(Telling, None))
    store.close()


class Restless(Loop):
    """Asks to act again at once, for ever. `writes`: each act is one that changes something."""

    def __init__(self, at: IdentityState, *, writes: bool = False, fails: bool = False) -> None:
        super().__init__(at)
        self.turns = 0
        self._writes, self._fails = writes, fails

    async def step(self) -> float:
        self.turns += 1
        if self._fails:
            raise AssertionError("no")
        if self._writes:
            self.at.tell("turn", number=self.turns)
        await self.serve()
        return self.at.now()

    def forget(self) -> None:
        """It has nothing in mind."""


async def _twice(actor: Restless) -> int:
    return actor.turns * 2


def _errors(at: IdentityState) -> list[str]:
    return [str(event.data["error"]) for event in at.context.store.events.page(kinds=("actor_error",))]


async def _others_turns(actor: Restless, turns: int) -> int:
    """How often something else runs until the actor has acted so often, or pauses."""
    actor.begin()
    own = 0
    while actor.turns < turns and own < turns * 10:
        own += 1
        await asyncio.sleep(0)
    return own


def test_acts_that_change_nothing_end_in_a_pause(at: IdentityState) -> None:
    """It is told once; meanwhile others have their turns, and commands are served."""

    async def story() -> None:
        actor = Restless(at)
        own = await _others_turns(actor, IDLE_TURNS * 3)
        assert own >= IDLE_TURNS
        assert actor.turns == IDLE_TURNS
        assert _errors(at) == [f"it acted {IDLE_TURNS} times in a row and changed nothing: it pauses between acts"]
        assert await actor.ask(_twice) == (IDLE_TURNS + 1) * 2
        await actor.finish()

    asyncio.run(story())


def test_acts_that_change_something_need_no_pause(at: IdentityState) -> None:
    """A backlog may be of any size; others have their turns all the same."""

    async def story() -> None:
        actor = Restless(at, writes=True)
        own = await _others_turns(actor, IDLE_TURNS + 5)
        assert own >= IDLE_TURNS + 5
        assert actor.turns == IDLE_TURNS + 5
        assert _errors(at) == []
        await actor.finish()

    asyncio.run(story())


def test_who_asks_an_actor_that_always_fails_is_answered(at: IdentityState) -> None:
    """Each once, and it does not try again the faster for it."""

    async def story() -> None:
        actor = Restless(at, fails=True)
        actor.begin()
        for _ in range(3):
            with pytest.raises(Failed, match="iapeer logs"):
                await actor.ask(_twice)
        assert actor.turns <= 4
        await actor.finish()

    asyncio.run(story())


def test_a_store_that_fails_is_left_alone(at: IdentityState) -> None:
    """Nothing is written of it at once: that would only wait for it again. It is on record with the next success."""

    async def story() -> None:
        actor = Restless(at)
        assert actor._troubled(Failed("The database is locked.", code="store")) > 0
        assert _errors(at) == []
        actor._record_troubles()
        assert _errors(at) == ["Failed: The database is locked."]

    asyncio.run(story())


class Broken(Restless):
    """Its first act lets a cancellation through that nobody meant for the actor."""

    async def step(self) -> float:
        if self.turns == 0:
            self.turns += 1
            raise asyncio.CancelledError
        return await super().step() + 60


def test_an_actor_that_was_broken_off_by_mistake_acts_again(at: IdentityState) -> None:
    """It tells of it; who asks it something then is answered. One that was told to finish stays finished."""

    async def story() -> None:
        actor = Broken(at)
        actor.begin()
        assert await asyncio.wait_for(actor.ask(_twice), 30) == 4
        assert _errors(at) == ["RuntimeError: what its act waited for was cancelled"]
        ended = actor._task
        await actor.finish()
        assert actor._task is ended

    asyncio.run(story())
