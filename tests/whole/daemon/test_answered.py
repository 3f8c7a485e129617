"""Whoever waits for a start is answered, whatever becomes of it."""

from __future__ import annotations

import pytest

from iapeer.model.errors import Failed
from tests.harness import Root


def test_a_folder_launch_that_dies_while_it_boots(fleet: Root) -> None:
    """Who started the same peer meanwhile hears of it; so does who asks a moment later."""
    fleet.peer("alice", "--boot-delay=1 --die-at-boot=7")
    fleet.call("POST", "/peers/alice/launch", {"runtime": "fake"})
    with pytest.raises(Failed, match="exit code 7") as first:
        fleet.call("POST", "/peers/alice/start", {})
    assert first.value.code == "launch-failed"
    ends = [event["cause"] for event in fleet.events("session_ended")]
    assert ends == ["exit"]
    with pytest.raises(Failed, match="exit code 7"):
        fleet.call("POST", "/peers/alice/start", {})
