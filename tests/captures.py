"""Screens and records of a real program as they were captured, by the versions that its adapter was checked with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from iapeer.runtimes.load import read_adapter
from tests.harness import REPO


class Captures:
    """The captures below a folder: `screens/VERSION/NAME.txt` and `records/VERSION.jsonl`."""

    def __init__(self, folder: Path, runtime: str, versions: Sequence[str]) -> None:
        self.adapter = read_adapter(REPO / "adapters" / f"{runtime}.toml")
        self.adapters = {version: self.adapter.for_version(version) for version in versions}
        self.every = {(path.parent.name, path.stem) for path in (folder / "screens").glob("*/*.txt")}
        self._folder = folder

    def screen(self, version: str, name: str) -> str:
        """A captured screen."""
        return (self._folder / "screens" / version / f"{name}.txt").read_text()

    def captured(self, *names: str) -> list[tuple[str, str]]:
        """Version and name of every capture of these states; a state may be captured of one version alone."""
        held = [(version, name) for name in names for version in self.adapters if (version, name) in self.every]
        assert {name for _, name in held} == set(names)
        return held

    def table(self, states: Iterable[tuple[str, Any]]) -> list[tuple[str, str, Any]]:
        """The same with what is expected of each state."""
        return [(*capture, expected) for name, expected in states for capture in self.captured(name)]

    def records(self, version: str) -> list[dict[str, Any]]:
        """The captured records of a version: what each is (event, reason), and itself."""
        return [json.loads(line) for line in (self._folder / "records" / f"{version}.jsonl").read_text().splitlines()]
