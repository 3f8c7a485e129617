"""The adapter as users load it, and the captures of both versions it was checked with."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.load import read_adapter

HERE = Path(__file__).resolve().parent
FILE = HERE.parent.parent / "adapters" / "codex.toml"
VERSIONS = ("0.169.0", "0.171.0")
ADAPTERS = {version: read_adapter(FILE).for_version(version) for version in VERSIONS}


@pytest.fixture(scope="session")
def adapter() -> Adapter:
    """adapters/codex.toml, read as iapeer reads it."""
    return read_adapter(FILE)


def screen(version: str, name: str) -> str:
    """A captured screen."""
    return (HERE / "screens" / version / f"{name}.txt").read_text()


def captured(*names: str) -> list[tuple[str, str]]:
    """Version and name of every capture of these states; a state may be captured of one version alone."""
    held = [(version, name) for name in names for version in VERSIONS if (version, name) in EVERY]
    assert {name for _, name in held} == set(names)
    return held


def table(states: Iterable[tuple[str, Any]]) -> list[tuple[str, str, Any]]:
    """The same with what is expected of each state."""
    return [(*capture, expected) for name, expected in states for capture in captured(name)]


def records(version: str) -> list[dict[str, Any]]:
    """The captured records of a version: what each is (event, reason), and itself."""
    return [json.loads(line) for line in (HERE / "records" / f"{version}.jsonl").read_text().splitlines()]


EVERY = {(path.parent.name, path.stem) for path in (HERE / "screens").glob("*/*.txt")}
