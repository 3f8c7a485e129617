"""A store with one peer, and what holds its messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer.fleet.holds import Holds
from iapeer.store import Store
from iapeer.testing.clock import ManualClock


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "iapeer.db", ManualClock())
    made.peers.add("bob", str(tmp_path))
    yield made
    made.close()


@pytest.fixture
def holds(store: Store) -> Holds:
    return Holds(store)
