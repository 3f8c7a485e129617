"""A root, a command line, and a fake daemon where the command line looks for one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.fake import Cli, Daemon


@pytest.fixture
def cli() -> Iterator[Cli]:
    base = Path(tempfile.mkdtemp(prefix="ia-", dir="/tmp"))  # short: socket paths end at 104 bytes
    yield Cli(base)
    shutil.rmtree(base)


@pytest.fixture
def daemon(cli: Cli) -> Iterator[Daemon]:
    fake = Daemon(cli.socket).begin()
    yield fake
    fake.close()
