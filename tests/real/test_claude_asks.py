"""What Claude Code asks a person, and what rules of the person's own refuse: permissions, modes, hooks."""

from __future__ import annotations

import contextlib
import json

import pytest

from fixtures.npm_binary import Pinned
from iapeer.model.errors import PeerError
from tests.harness import wait_for
from tests.real.conftest import BOTH, Models, RealFleet, real_fleet

pytestmark = pytest.mark.real

# Refuses a prompt that holds one of three words, in the three ways that Claude Code knows.
REFUSES = """#!/bin/sh
case "$(cat)" in
  *plover*) echo "plovers are not asked about" >&2; exit 2 ;;
  *curlew*) echo '{"decision": "block", "reason": "curlews are not asked about"}' ;;
  *dunlin*) echo '{"continue": false, "stopReason": "dunlins are not asked about"}' ;;
esac
"""


def _asks(fleet: RealFleet, body: str) -> None:
    """A message whose tool asks a person; the dialog is told as a permission, and Escape refuses it."""
    sent = fleet.send("alice", body, wait="delivered")
    entry = wait_for(lambda: (found := fleet.runtime("alice"))["activity"] == "blocked" and found, f"{body} to ask")
    assert entry
    assert (body, entry["blocked_on"]["reason"]) == (body, "permission")
    wait_for(lambda: _refused(fleet, sent["id"]), f"{body} to be refused")
    assert fleet.message(sent["id"])["row"]["error"] == "interrupted"


def _refused(fleet: RealFleet, ident: str) -> bool:
    """Press Escape; whether it counts: Claude Code throws away what comes with a dialog."""
    fleet.call("POST", "/peers/alice/answer", {"key": "Escape"})
    with contextlib.suppress(AssertionError):
        return bool(fleet.until(ident, "failed", seconds=3))
    return False


@BOTH
def test_without_settings_every_tool_asks_for_permission(models: Models, claude: Pinned) -> None:
    """Auto mode is off: a command, a page of the web and a plan are each told as a permission."""
    with real_fleet(models, trusted=False, claude=claude) as fleet:
        (fleet.home / ".claude" / "settings.json").unlink()
        fleet.start()
        fleet.claude("alice")
        _asks(fleet, '@@TOOL Bash {"command":"touch made"}@@')
        assert not (fleet.folder("alice") / "made").exists()
        assert "auto mode on" not in fleet.screen("alice")
        _asks(fleet, '@@TOOL WebFetch {"url":"http://127.0.0.1:9/","prompt":"what?"}@@')
        fleet.call("POST", "/peers/alice/stop", {})
        path = fleet.folder("alice") / ".iapeer" / "runtimes" / "claude" / "launch.env"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("PEER_START_ARGS=--permission-mode plan\n")
        fleet.trust("alice")
        fleet.call("POST", "/peers/alice/new", {})
        _asks(fleet, '@@TOOL ExitPlanMode {"plan":"1. Look. 2. Leap."}@@')


@BOTH
def test_auto_mode_is_the_profiles_to_choose(models: Models, claude: Pinned) -> None:
    """Also in a home with a mode of its own, where the flag would bring an offer that writes into its settings."""
    with real_fleet(models, claude=claude) as fleet:
        settings = fleet.home / ".claude" / "settings.json"
        settings.write_text('{"permissions": {"defaultMode": "acceptEdits"}}')
        fleet.start()
        fleet.claude("alice", permissions="auto")
        assert fleet.send("alice", "hello", wait="done")["state"] == "done"
        assert "auto mode on" in fleet.screen("alice")
        assert not fleet.events("dialog")
        assert json.loads(settings.read_text())["permissions"] == {"defaultMode": "acceptEdits"}


def test_codex_has_no_auto_mode_and_says_so(models: Models) -> None:
    """A wake is refused with a sentence that names the modes there are."""
    with real_fleet(models) as fleet:
        fleet.start()
        fleet.codex("carol", permissions="auto")
        with pytest.raises(PeerError, match=r"Codex has no auto mode: set permissions to default\."):
            fleet.call("POST", "/peers/carol/start", {})


@BOTH
def test_a_hook_that_refuses_a_prompt_is_quoted(models: Models, claude: Pinned) -> None:
    """In each of its three ways the row fails in its words, the composer is clean, and the next message arrives."""
    with real_fleet(models, claude=claude) as fleet:
        fleet.hook("UserPromptSubmit", REFUSES)
        fleet.start()
        fleet.claude("alice")
        fleet.call("POST", "/peers/alice/start", {})
        for bird in ("plover", "curlew", "dunlin"):
            refused = fleet.send("alice", f"Where does the {bird} nest?\n" * 5)
            row = fleet.until(refused["id"], "failed", seconds=10)["row"]
            assert f"{bird}s are not asked about" in row["error"]
            assert fleet.send("alice", f"After the {bird[:3]}", wait="done")["state"] == "done"
        assert fleet.bodies() == ["After the plo", "After the cur", "After the dun"]
        assert {event["ev"] for event in fleet.events("degraded", "dialog", "actor_error")} == set()
