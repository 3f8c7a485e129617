"""Sleep and waking on the real agents: the model is asked which history it was sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from iapeer.model.errors import Refused
from tests.real.conftest import Models, RealFleet, real_fleet

pytestmark = pytest.mark.real


def _asleep(fleet: RealFleet, name: str) -> None:
    fleet.call("GET", f"/peers/{name}/wait", state="asleep", timeout_s=60)


def _record(fleet: RealFleet, runtime: str) -> Path:
    """The record of the one conversation that there is."""
    where = ".claude/projects/*/*.jsonl" if runtime == "claude" else ".codex/sessions/*/*/*/*.jsonl"
    (found,) = fleet.home.glob(where)
    return found


@pytest.mark.parametrize("runtime", ["claude", "codex"])
def test_a_conversation_that_cannot_be_read_is_said_and_left(models: Models, runtime: str) -> None:
    """The program ends with its own words: an attach gets the reason, a message a fresh session."""
    with real_fleet(models) as fleet:
        fleet.start()
        getattr(fleet, runtime)("alice")
        fleet.call("PATCH", "/peers/alice", {"fields": {"idle_secs": 1}})
        fleet.send("alice", "the word is heron", topic="words", wait="done")
        _asleep(fleet, "alice")
        _record(fleet, runtime).write_bytes(b"garbage\n")
        with pytest.raises(Refused, match="does not know it") as refused:
            fleet.call("POST", "/peers/alice/attach", {})
        assert refused.value.code == "attach-nothing-to-resume"
        assert fleet.send("alice", "which word?", topic="words", wait="done")["state"] == "done"
        woken = [(one["mode"], one["cause"]) for one in fleet.events("wake")]
        assert woken == [("fresh", "first-wake"), ("resume", "attach"), ("fresh", "parked-resume")]
        assert [one["mode"] for one in fleet.events("not_resumed")] == ["fresh"]
        assert not fleet.events("degraded", "actor_error", "launch_failed")


@pytest.mark.parametrize("runtime", ["claude", "codex"])
def test_a_topic_resumes_its_own_conversation(models: Models, runtime: str) -> None:
    """Parked without a trace; the topic brings back its own talk, never a neighbour's; a new one begins blank."""
    api = models.messages if runtime == "claude" else models.responses
    with real_fleet(models) as fleet:
        fleet.start()
        for name, word in (("alice", "heron"), ("nadia", "stork")):
            getattr(fleet, runtime)(name)
            fleet.call("PATCH", f"/peers/{name}", {"fields": {"idle_secs": 1}})
            assert fleet.send(name, f"the word is {word}", topic="words", wait="done")["state"] == "done"
        for name in ("alice", "nadia"):
            _asleep(fleet, name)
            assert fleet.call("GET", f"/peers/{name}")["last_session"]["end_cause"] == "parked"
        assert not fleet.processes()
        for topic, cause, there in (("words", "parked-resume", True), ("other", "parked-new-topic", False)):
            assert fleet.send("alice", f"on {topic}", topic=topic, wait="done")["state"] == "done"
            woken = fleet.call("GET", "/peers/alice")["last_session"]
            assert (woken["mode"], woken["cause"]) == ("resume" if there else "fresh", cause)
            told = " ".join(text for _, text in [one for one in api.requests if one.kind == "turn"][-1].history)
            assert ("heron" in told, "stork" in told) == (there, False)
            _asleep(fleet, "alice")
        assert not fleet.events("degraded", "actor_error", "launch_failed")
