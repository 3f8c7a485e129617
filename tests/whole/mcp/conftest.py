"""One daemon that most of these tests share; each uses peers of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.harness import Agent, Root, throw_away_root
from tests.whole.daemon.tools import fresh_name, token_of
from tests.whole.mcp.tools import Caller, port_of

NewPeer = Callable[..., Agent]


@pytest.fixture(scope="package")
def house() -> Iterator[Root]:
    """A root with its daemon running, for all tests of this folder that do not harm it."""
    with throw_away_root() as made:
        made.start()
        yield made


@pytest.fixture
def new_peer(house: Root) -> Iterator[NewPeer]:
    """Makes peers of the shared house, and removes them afterwards."""
    names: list[str] = []

    def make(args: str = "", **env: str) -> Agent:
        names.append(fresh_name())
        return house.peer(names[-1], args, **env)

    yield make
    there = {peer["personality"] for peer in house.call("GET", "/peers")["peers"]}
    for name in there & set(names):
        house.call("DELETE", f"/peers/{name}", force=1)


@pytest.fixture
def alice(house: Root, new_peer: NewPeer) -> Caller:
    """A live session and what it can ask on the port."""
    agent = new_peer()
    house.call("POST", f"/peers/{agent.name}/start", {})
    return Caller(port_of(house), token_of(agent), agent)
