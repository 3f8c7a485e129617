"""Fixtures of the whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness import Root, throw_away_root


@pytest.fixture
def root() -> Iterator[Root]:
    """A root without a daemon yet."""
    with throw_away_root() as made:
        yield made


@pytest.fixture
def fleet(root: Root) -> Root:
    """A root with its daemon running."""
    root.start()
    return root
