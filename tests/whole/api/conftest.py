"""One daemon that these tests share, with two peers; a live session and a message that was answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness import Root, throw_away_root

PEERS = ("alpha", "beta")


@pytest.fixture(scope="package")
def house() -> Iterator[Root]:
    """A root with its daemon running and two peers."""
    with throw_away_root() as made:
        made.start()
        for name in PEERS:
            made.peer(name)
        yield made
