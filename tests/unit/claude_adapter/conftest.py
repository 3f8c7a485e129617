"""The adapter as users load it, and the captures of both versions it was checked with."""

from __future__ import annotations

from pathlib import Path

import pytest

from iapeer.runtimes.adapter import Adapter
from tests.captures import Captures

HERE = Path(__file__).resolve().parent
VERSIONS = ("2.1.197", "2.1.332")
_CAPTURES = Captures(HERE, "claude", VERSIONS)
ADAPTERS, EVERY = _CAPTURES.adapters, _CAPTURES.every
screen, captured, table, records = _CAPTURES.screen, _CAPTURES.captured, _CAPTURES.table, _CAPTURES.records


@pytest.fixture(scope="session")
def adapter() -> Adapter:
    """adapters/claude.toml, read as iapeer reads it."""
    return _CAPTURES.adapter
