"""Where a program's home, or a folder in it, is a link, its conversation is followed all the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.real.conftest import Models, RealFleet, real_fleet

pytestmark = pytest.mark.real


def moved(place: Path) -> None:
    """Put a folder elsewhere, under another name, and leave a link to it."""
    target = place.parents[1] / f"moved-{place.name.strip('.')}"
    if place.exists():
        place.rename(target)
    else:
        target.mkdir(parents=True)
        place.parent.mkdir(exist_ok=True)
    place.symlink_to(target)


def proven_twice(fleet: RealFleet, name: str) -> None:
    """Two messages, each typed once and proven by the record; the second in a resumed session."""
    for body in ("first", "second"):
        fleet.cli("start", name, check=True)
        sent = fleet.send(name, body, wait="done", timeout_s=60)
        assert (body, sent["state"], fleet.message(sent["id"])["row"]["attempt"]) == (body, "done", 1)
        fleet.cli("stop", name, check=True)
    assert fleet.bodies() == ["first", "second"]
    assert [event["mode"] for event in fleet.events("wake")] == ["fresh", "resume"]
    assert not fleet.events("degraded", "dialog", "actor_error")


@pytest.mark.parametrize("linked", [".codex", ".codex/sessions", ".codex/thread-writer-locks"])
def test_codex_in_a_linked_home(models: Models, linked: str) -> None:
    """Its default home, or one of the two folders that tell its conversation, is a link."""
    with real_fleet(models) as fleet:
        moved(fleet.home / linked)
        fleet.start()
        fleet.codex("carol")
        proven_twice(fleet, "carol")


def test_codex_whose_variable_names_a_link(models: Models) -> None:
    """CODEX_HOME as the user wrote it, also for a session that is resumed."""
    with real_fleet(models) as fleet:
        (fleet.base / "link").symlink_to(fleet.home / ".codex")
        fleet.env["CODEX_HOME"] = str(fleet.base / "link")
        fleet.start()
        fleet.codex("carol")
        proven_twice(fleet, "carol")


@pytest.mark.parametrize("linked", ["", "sessions"])
def test_claude_whose_variable_names_a_link(models: Models, linked: str) -> None:
    """CLAUDE_CONFIG_DIR as the user wrote it, or its folder of live states."""
    with real_fleet(models) as fleet:
        place = fleet.base / "config" / "claude"
        place.mkdir(parents=True)
        moved(place / linked)
        fleet.env["CLAUDE_CONFIG_DIR"] = str(place)
        fleet.start()
        fleet.claude("alice")
        shutil.copy(fleet.home / ".claude.json", place)
        proven_twice(fleet, "alice")
