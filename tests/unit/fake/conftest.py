"""Agents for the tests; every one is ended with its server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from .driver import Bare, Home, Pane

Panes = Callable[..., Pane]
Bares = Callable[..., Bare]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def pane(home: Home, tmp_path: Path) -> Iterator[Panes]:
    with ExitStack() as stack:

        def start(*flags: str, columns: int = 200, rows: int = 50) -> Pane:
            folder = tmp_path / f"t{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(closing(Pane(home, folder, *flags, columns=columns, rows=rows)))

        yield start


@pytest.fixture
def bare(home: Home) -> Iterator[Bares]:
    with ExitStack() as stack:
        yield lambda *flags, **env: stack.enter_context(closing(Bare(home, *flags, env=env)))
