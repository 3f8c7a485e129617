"""The rows, by name, in the order of the table. Each is a function that measures and returns its lines."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from bench.measure import Line

NAMES = (
    "command", "inject", "bringup", "store", "backlog", "http", "mcp", "cli", "deliver", "throughput", "submit",
    "real", "worker", "death", "liveness", "fleet", "idle",
)  # fmt: skip


def row(name: str) -> Callable[[], list[Line]]:
    """The `run` of the row's module."""
    run: Callable[[], list[Line]] = import_module(f"bench.rows.{name}").run
    return run
