"""A throw-away root with the real daemon, and fake agents that stamp what arrives. Built on the tests' own."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.harness import Agent, Root, throw_away_root, wait_for

REPO = Path(__file__).resolve().parent.parent
AGENT = REPO / "bench" / "programs" / "agent.py"
CARELESS = "--no-lose-enter-in-same-read"  # it takes an Enter at any time, so that a gap of 0 works


@contextlib.contextmanager
def house(gap_ms: int) -> Iterator[Root]:
    """A running daemon whose adapter of the fake agent asks for this gap."""
    with throw_away_root() as root:
        root.env |= {
            "IAPEER_ADAPTERS": str(_adapter(root.base, gap_ms)),
            "IAPEER_FAKE_BIN": str(agent_binary(root.base)),
        }
        root.start()
        yield root


def _adapter(folder: Path, gap_ms: int) -> Path:
    text = (REPO / "fixtures" / "fake.toml").read_text()
    path = folder / "fake.toml"
    path.write_text(text.replace("gap_ms = 20", f"gap_ms = {gap_ms}"))
    return path


def agent_binary(folder: Path) -> Path:
    """An executable that becomes the stamping agent."""
    path = folder / "iapeer-stamping-agent"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{AGENT}" "$@"\n')
    path.chmod(0o755)
    return path


def live_peer(root: Root, name: str, args: str = "") -> Agent:
    """A peer whose session is up and idle."""
    agent = root.peer(name, args, FAKE_TAP="0")
    root.call("POST", f"/peers/{name}/start", {})
    wait_idle(root, name)
    return agent


def wait_idle(root: Root, name: str) -> None:
    """Wait until the peer's turn is over and nothing is in flight."""
    root.call("GET", f"/peers/{name}/wait", state="idle")


def stamps(home: Path, what: str, after_ns: int) -> list[int]:
    """The stamps of one kind that an agent made after a time, in order; ns."""
    with contextlib.suppress(FileNotFoundError):
        lines = (home / "stamps").read_text().split("\n")
        found = [int(line.split()[1]) for line in lines if line.startswith(f"{what} ")]
        return [when for when in found if when > after_ns]
    return []


def first_stamp(home: Path, what: str, after_ns: int) -> int:
    """The first of them, once it is there."""
    return wait_for(lambda: stamps(home, what, after_ns), f"a {what} in {home.name}")[0]
