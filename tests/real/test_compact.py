"""`iapeer compact` on the real agents: done when the transcript says so, and the talk goes on from the summary."""

from __future__ import annotations

import pytest

from fixtures.get_claude import OLDER
from iapeer.model.errors import Failed, Refused
from tests.harness import wait_for
from tests.real.conftest import Models, real_fleet

pytestmark = pytest.mark.real


@pytest.mark.parametrize("runtime", ["claude", "codex"])
def test_a_conversation_is_compacted(models: Models, runtime: str) -> None:
    """Refused while the agent is busy; afterwards the model is sent the summary instead of the history."""
    api = models.messages if runtime == "claude" else models.responses
    with real_fleet(models) as fleet:
        fleet.start()
        getattr(fleet, runtime)("alice")
        for number in range(3):
            assert fleet.send("alice", f"the word is heron {number}", wait="done")["state"] == "done"
        slow = fleet.send("alice", "@@SLOW 2@@", wait="delivered")
        wait_for(lambda: fleet.runtime("alice")["activity"] == "busy", "the turn to be open")
        with pytest.raises(Refused, match="cannot compact now"):
            fleet.call("POST", "/peers/alice/compact", {})
        fleet.until(slow["id"], "done")
        fleet.call("GET", "/peers/alice/wait", state="idle")
        before = fleet.call("GET", "/peers/alice")["last_session"]
        answer = fleet.call("POST", "/peers/alice/compact", {})
        assert (answer["status"], answer["activity"], answer["session"]) == ("live", "idle", before["id"])
        assert fleet.send("alice", "and now?", wait="done")["state"] == "done"
        told = " ".join(text for _, text in api.requests[-1].history)
        assert ("A fake summary." in told, "and now?" in told) == (True, True)
        assert not any("heron 0" in text for role, text in api.requests[-1].history if role == "assistant")
        after = fleet.call("GET", "/peers/alice")["last_session"]
        assert (after["id"], after["conversation"]) == (before["id"], before["conversation"])


def test_what_cannot_be_compacted_says_so(models: Models) -> None:
    """Claude Code 2.1.197 refuses a short talk (newer ones do not): its words come back, and the next message runs."""
    with real_fleet(models, claude=OLDER) as fleet:
        fleet.start()
        fleet.claude("alice")
        fleet.send("alice", "one", wait="done")
        with pytest.raises(Failed, match="Not enough messages to compact"):
            fleet.call("POST", "/peers/alice/compact", {})
        assert fleet.send("alice", "two", wait="done")["state"] == "done"
