"""Claude Codes whose person is only logged in, not logged in yet, or at the limit of a subscription."""

from __future__ import annotations

import time

import pytest

from fixtures import claude_home
from fixtures.npm_binary import Pinned
from tests.harness import wait_for
from tests.real.conftest import BOTH, Models, RealFleet, real_fleet

pytestmark = pytest.mark.real

NOT_LOGGED_IN = "Not logged in · Please run /login"


def _held(fleet: RealFleet, ident: str, reason: str) -> int | None:
    """Wait until a message waits for that reason; until when, milliseconds since 1970."""
    row = wait_for(
        lambda: (found := fleet.message(ident)["row"])["reason"] == reason and found, f"{ident} to wait for {reason}"
    )
    assert row
    assert row["state"] == "queued"
    until: int | None = fleet.runtime("alice")["blocked_on"].get("until")
    return until


@BOTH
def test_a_home_that_is_only_logged_in_takes_a_first_message_in_a_new_folder(models: Models, claude: Pinned) -> None:
    """No key, no settings, nothing trusted: one dialog, of the folder that `init` named, and the words arrive."""
    with real_fleet(models, trusted=False, claude=claude, login="subscription") as fleet:
        (fleet.home / ".claude.json").write_text('{"hasCompletedOnboarding": true}')
        (fleet.home / ".claude" / "settings.json").unlink()
        fleet.start()
        fleet.claude("alice")
        sent = fleet.send("alice", "What is this place?", wait="delivered")
        assert sent["outcome"] == "delivered"
        fleet.until(sent["id"], "done", seconds=10)
        assert fleet.bodies() == ["What is this place?"]
        assert {event["dialog"] for event in fleet.events("dialog")} == {"trust"}  # an event a key
        assert not fleet.events("degraded", "unchecked_version")


@BOTH
def test_a_message_waits_for_the_login_and_goes_on_by_itself(models: Models, claude: Pinned) -> None:
    """Where nobody is logged in at its start: people are told, nothing is typed, and nobody has to help afterwards."""
    with real_fleet(models, claude=claude, login="none") as fleet:
        fleet.start()
        fleet.claude("alice")
        first = fleet.send("alice", "one")
        _held(fleet, first["id"], "login")
        entry = fleet.runtime("alice")
        assert (entry["activity"], entry["blocked_on"]["reason"]) == ("blocked", "login")
        assert "login" in fleet.cli("list", check=True).stdout
        claude_home.log_in(fleet.home)
        fleet.until(first["id"], "done")
        assert fleet.bodies() == ["one"]


@BOTH
def test_a_login_that_is_lost_fails_one_message_in_words_and_holds_the_next(models: Models, claude: Pinned) -> None:
    """Nothing on the screen tells it before something is typed; what comes after that waits for the new login."""
    with real_fleet(models, claude=claude, login="subscription") as fleet:
        fleet.start()
        fleet.claude("alice")
        fleet.send("alice", "one", wait="done")
        (fleet.home / ".claude" / ".credentials.json").unlink()
        failed = fleet.send("alice", "two", wait="done")
        assert failed["state"] == "failed"
        assert fleet.message(failed["id"])["row"]["error"] == NOT_LOGGED_IN
        held = fleet.send("alice", "three")
        _held(fleet, held["id"], "login")
        claude_home.log_in(fleet.home)
        fleet.until(held["id"], "done")
        assert fleet.bodies() == ["one", "three"]


@BOTH
def test_a_usage_limit_holds_messages_until_it_is_over(models: Models, claude: Pinned) -> None:
    """The menu that it opens is closed; the next message waits for the reset, where the program tells it."""
    with real_fleet(models, claude=claude, login="subscription") as fleet:
        fleet.start()
        fleet.claude("alice")
        fleet.call("POST", "/peers/alice/start", {})
        reset = int(time.time()) + 8
        sent = fleet.send("alice", f"@@QUOTA {reset}@@", wait="done")
        assert sent["state"] == "failed"
        assert fleet.message(sent["id"])["row"]["error"].startswith("You've hit your ")
        held = fleet.send("alice", "and now?")
        until = _held(fleet, held["id"], "quota")
        assert until is not None
        wait_for(lambda: fleet.events("dismissed"), "the menu to be closed")
        if claude.version == "2.1.332":
            assert until == reset * 1000
            assert fleet.until(held["id"], "done")["row"]["attempt"] == 1
            assert fleet.heard()[-1].body == "and now?"
        else:
            assert until > reset * 1000
            assert fleet.state(held["id"]) == "queued"
        assert [event["reason"] for event in fleet.events("dismissed")] == ["quota"]
