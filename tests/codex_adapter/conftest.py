"""The adapter as users load it, and the captures."""

from __future__ import annotations

from pathlib import Path

import pytest

from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.load import read_adapter

HERE = Path(__file__).resolve().parent
FILE = HERE.parent.parent / "adapters" / "codex.toml"


@pytest.fixture(scope="session")
def adapter() -> Adapter:
    """adapters/codex.toml, read as iapeer reads it."""
    return read_adapter(FILE)


def screen(name: str) -> str:
    """A captured screen."""
    return (HERE / "screens" / f"{name}.txt").read_text()
