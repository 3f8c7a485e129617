"""Another user takes the loopback port while the daemon is away: the real agents tell them nothing, and go on."""

from __future__ import annotations

import json

import pytest

from fixtures.get_codex import CODEX
from fixtures.get_codex import OLDER as OLDER_CODEX
from fixtures.npm_binary import Pinned
from tests.harness import wait_for
from tests.real.conftest import BOTH, Models, RealFleet, real_fleet
from tests.whole.doors.otheruser import takes_port
from tests.whole.mcp.tools import port_of

pytestmark = pytest.mark.real


def _sends(fleet: RealFleet, name: str, message: str) -> str:
    """The state of a message that makes the peer's agent call our tool."""
    wish = json.dumps({"personality": "operator", "message": message})
    return str(fleet.send(name, f"@@TOOL iapeer/send_to_peer {wish}@@", wait="done", timeout_s=90)["state"])


def _told(fleet: RealFleet) -> list[str]:
    return [row["preview"] for row in fleet.call("GET", "/peers/operator/inbox")["rows"]]


def _is_told_nothing(fleet: RealFleet, identity: str) -> None:
    name = identity.partition("-")[2]
    assert _sends(fleet, name, "before") == "done"
    assert "before" in _told(fleet)
    port = port_of(fleet)
    fleet.kill()
    with takes_port(port) as taker:
        fleet.start()
        assert fleet.call("GET", "/status")["daemon"]["deaf"] == [identity]
        assert _sends(fleet, name, "into the void") == "done"
        wait_for(taker.knocked, "the agent to have called")
        assert taker.heard() == []
        assert fleet.send(name, "and now?", wait="done")["state"] == "done"
        fleet.kill()
    fleet.start()
    assert port_of(fleet) == port
    assert _sends(fleet, name, "after") == "done"
    assert {"before", "after"} <= set(_told(fleet))
    assert "into the void" not in _told(fleet)


@BOTH
def test_claude_tells_another_user_nothing(models: Models, claude: Pinned) -> None:
    """Neither token nor message; no answer of theirs is obeyed; the tool works again with the port."""
    with real_fleet(models, claude=claude) as fleet:
        fleet.start()
        fleet.claude("alice")
        _is_told_nothing(fleet, "claude-alice")


@pytest.mark.parametrize("codex", [CODEX, OLDER_CODEX], ids=["newest", "older"])
def test_codex_tells_another_user_nothing(models: Models, codex: Pinned) -> None:
    """The same."""
    with real_fleet(models, codex=codex) as fleet:
        fleet.start()
        fleet.codex("carol")
        _is_told_nothing(fleet, "codex-carol")
