"""Sleep and waking on the real agents: the model is asked which history it was sent."""

from __future__ import annotations

import pytest

from tests.real.conftest import Models, RealFleet, real_fleet

pytestmark = pytest.mark.real


def _asleep(fleet: RealFleet, name: str) -> None:
    fleet.call("GET", f"/peers/{name}/wait", state="asleep", timeout_s=60)


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
