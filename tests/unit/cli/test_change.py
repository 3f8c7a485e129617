"""`set`, `runtime-add` and `move`: what is asked of the daemon."""

from __future__ import annotations

from typing import Any

import pytest

from iapeer.cli.commands.set import fields
from tests.unit.cli import answers
from tests.unit.cli.fake import Cli, Daemon

DONE = {
    "peer": answers.peer("alice"),
    "warning": "Claude Code cannot resume there.",
    "changed": ["model"],
    "note": None,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("600", 600),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ('["claude","codex"]', ["claude", "codex"]),
        ('{"a": 1}', {"a": 1}),
        ('"600"', "600"),
        ("", ""),
        ("two words", "two words"),
        ("a=b", "a=b"),
        ("[not json", "[not json"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("9" * 5000, "9" * 5000),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_values(text: str, value: Any) -> None:
    """JSON where it is JSON, else the text."""
    assert fields((f"key={text}",)) == {"key": value}


def test_what_is_asked(cli: Cli, daemon: Daemon) -> None:
    """Each its one request; a folder is made absolute, a warning goes to stderr."""
    for line in ("PATCH /peers/alice", "POST /peers/alice/runtimes", "POST /peers/alice/move"):
        daemon.on(line, DONE)
    cli.run("set", "alice", "description=Two words", "model=null")
    assert cli.run("runtime-add", "alice", "codex").err == "iapeer: Claude Code cannot resume there.\n"
    assert cli.run("move", "alice", "sub").err == "iapeer: Claude Code cannot resume there.\n"
    bodies = [asked.body for asked in daemon.table.asked]
    assert bodies == [
        {"fields": {"description": "Two words", "model": None}},
        {"runtime": "codex"},
        {"dir": f"{cli.base}/sub"},
    ]
