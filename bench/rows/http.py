"""One HTTP request over the unix socket on a kept connection: the smallest answer that asks the store."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import raw
from bench.house import house
from bench.measure import Line, Target, in_turns, timed
from bench.web import Web, get_bytes
from tests.harness import wait_for

PROGRAM = Path(__file__).parent.parent / "programs" / "floor_http.py"
REQUEST = get_bytes("/peers")
TARGET = Target(ratio=1.5, why="ours goes through a mounted router and asks SQLite")


def run() -> list[Line]:
    """Measure."""
    with raw.scratch() as folder, _floor(folder / "http") as path, house(0) as root:
        return _measure(path, root.socket, 2000)


def _measure(bare: Path, daemon: Path, n: int) -> list[Line]:
    with Web(bare) as one, Web(daemon) as other:
        floor, ours = in_turns(n, timed(lambda: one.ask(REQUEST)), timed(lambda: other.ask(REQUEST)), warm=200)
    return [Line("http", "GET /peers of an empty root", floor, ours, "ms", n, TARGET)]


@contextlib.contextmanager
def _floor(path: Path) -> Iterator[Path]:
    with subprocess.Popen([sys.executable, str(PROGRAM), str(path)]) as process:
        try:
            wait_for(lambda: path.exists() or process.poll(), "the floor to listen")
            yield path
        finally:
            process.kill()
