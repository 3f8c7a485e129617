"""A store in a real file, with a clock that stands still and two peers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer.store import Event, Store
from iapeer.testing.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    made = Store(tmp_path / "iapeer.db", clock)
    made.peers.add("ann", "/work/ann")
    made.peers.add("bob", "/work/bob")
    yield made
    made.close()


@pytest.fixture
def told(store: Store) -> list[Event]:
    """What an observer hears from now on."""
    heard: list[Event] = []
    store.observers.append(heard.append)
    return heard
