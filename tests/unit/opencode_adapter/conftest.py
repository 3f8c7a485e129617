"""The adapter as users load it, and the captures of the version it was checked with."""

from __future__ import annotations

from pathlib import Path

from tests.captures import Captures

VERSION = "1.18.33"
_CAPTURES = Captures(Path(__file__).resolve().parent, "opencode", (VERSION,))
ADAPTER, EVERY, RECORDS = _CAPTURES.adapter, {name for _, name in _CAPTURES.every}, _CAPTURES.records(VERSION)


def screen(name: str) -> str:
    """A captured screen."""
    return _CAPTURES.screen(VERSION, name)
