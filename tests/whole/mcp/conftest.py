"""One daemon that most of these tests share, as those of `daemon` do, and a session that calls our tool."""

from __future__ import annotations

import pytest

from tests.harness import Root
from tests.whole.daemon.conftest import NewPeer, house, new_peer
from tests.whole.daemon.tools import token_of
from tests.whole.mcp.tools import Caller, port_of

__all__ = ["NewPeer", "alice", "house", "new_peer"]


@pytest.fixture
def alice(house: Root, new_peer: NewPeer) -> Caller:
    """A live session and what it can ask on the port."""
    agent = new_peer()
    house.call("POST", f"/peers/{agent.name}/start", {})
    return Caller(port_of(house), token_of(agent), agent)
