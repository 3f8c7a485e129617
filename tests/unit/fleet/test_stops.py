"""What comes while a backlog is let go is let go too: no message stays held for a stop that is over."""

from __future__ import annotations

import asyncio

from iapeer.fleet.holds import Holds
from iapeer.model.holds import causes
from iapeer.model.ids import uuid7
from iapeer.model.states import State
from iapeer.store import PART, NewMessage, Store


def _arrive(store: Store, who: str, count: int = 1) -> str:
    """So many messages as intake takes them: held while their addressee is stopped. The id of the first."""
    held = causes(stopped=store.peers.is_stopped(who))
    new = [
        NewMessage(
            id=uuid7(number), sender="ann", sender_runtime="fake", sender_intelligence="artificial", to="bob",
            identity=who, body="x", held=held,
        )
        for number in range(count)
    ]  # fmt: skip
    return store.messages.accept_many(new)[0].message


def test_what_comes_while_a_backlog_is_let_go(store: Store, holds: Holds) -> None:
    """For one that had its turn already, for one in the midst of it, and for one that had nothing waiting."""

    async def run() -> list[str]:
        first = _arrive(store, "a-bob")
        _arrive(store, "b-bob", 3 * PART)
        await holds.stop("bob", None)
        starting = asyncio.create_task(holds.start("bob", None))
        while _state(store, first) is not State.QUEUED:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        came = [_arrive(store, who) for who in ("a-bob", "b-bob", "c-bob")]
        assert not starting.done() and {_state(store, message) for message in came} == {State.HELD}
        await starting
        return came

    came = asyncio.run(run())
    assert {_state(store, message) for message in came} == {State.QUEUED}
    assert store.inbox.counts() == {"queued": 3 * PART + 4} and not store.peers.is_stopped("a-bob")


def _state(store: Store, message: str) -> State | None:
    row = store.inbox.row(message)
    return row.state if row is not None else None
