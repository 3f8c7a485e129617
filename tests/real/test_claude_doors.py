"""Ways round iapeer that Claude Code has of its own: messages between its sessions, and sessions in the background."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from fixtures.model_script import Answer, Request, Tool
from fixtures.npm_binary import Pinned
from tests.harness import wait_for
from tests.real.conftest import BOTH, Models, RealFleet, real_fleet

pytestmark = pytest.mark.real

WORD = "WHIMBREL"  # what a Claude Code that is no peer is asked, and what it is to bring to one


@pytest.fixture
def fleet(models: Models) -> Iterator[RealFleet]:
    """A fleet with its daemon, and alice in it, who may use every tool."""
    with real_fleet(models) as made:
        made.start()
        made.claude("alice", permissions="bypass")
        made.send("alice", "hello", wait="done")
        yield made


def _live(fleet: RealFleet, pid: int) -> dict[str, Any]:
    """What a session writes of itself; empty before."""
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads((fleet.home / ".claude" / "sessions" / f"{pid}.json").read_text()))
    return {}


@contextlib.contextmanager
def _stranger(fleet: RealFleet, *args: str) -> Iterator[int]:
    """A Claude Code that somebody started by hand in alice's folder, in the same home; its process."""
    tmux = ["tmux", "-S", str(fleet.base / "stranger.sock")]
    program = [fleet.env["IAPEER_CLAUDE_BIN"], "--dangerously-skip-permissions", *args]
    subprocess.run(
        [*tmux, "-f", "/dev/null", "new-session", "-d", "-x", "200", "-y", "50", *program],
        env=fleet.env, cwd=fleet.folder("alice"), check=True,
    )  # fmt: skip
    try:
        shown = subprocess.run(
            [*tmux, "display-message", "-p", "#{pane_pid}"], capture_output=True, text=True, check=True
        )
        yield int(shown.stdout)
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True, check=False)


def test_a_session_of_somebody_elses_cannot_reach_a_peer_unseen(fleet: RealFleet, models: Models) -> None:
    """It lists others, and not ours; neither by name nor by id does a message of its tool arrive."""
    pid = int(fleet.runtime("alice")["pid"])
    ours = _live(fleet, pid)
    results: list[str] = []
    calls = [Tool("ListAgents", {})]
    calls += [
        Tool("SendMessage", {"to": to, "message": f"from outside {n}", "summary": "hello"})
        for n, to in enumerate((ours["name"], ours["sessionId"], ours["sessionId"][:8]))
    ]

    def turn(request: Request) -> Answer | None:
        if not any(WORD in text for _, text in request.history):
            return None
        results.extend(request.results)
        done = len(results)
        return Answer(text="next", tool=calls[done]) if done < len(calls) else Answer(text="over")

    models.messages.script = turn
    with _stranger(fleet, f"{WORD}, please") as other:
        wait_for(lambda: len(results) == len(calls), "its tools to answer", 20)
        assert _live(fleet, other)["messagingSocketPath"]
    assert [result for result in results if '"success":true' in result.replace(" ", "")] == []
    assert ours["name"] not in results[0]
    assert ours["sessionId"] not in results[0]
    assert "messagingSocketPath" not in ours
    assert fleet.send("alice", "and now?", wait="done")["state"] == "done"
    assert "from outside" not in str(models.messages.requests[-1].messages)
    assert "from outside" not in fleet.screen("alice")


def test_a_peer_is_offered_no_list_of_others(fleet: RealFleet, models: Models) -> None:
    """And a message to one whose name it knows fails."""
    with _stranger(fleet) as other:
        name = wait_for(lambda: _live(fleet, other).get("name"), "its name")
        message = {"to": name, "message": WORD, "summary": "hello"}
        fleet.send("alice", f"@@TOOL SendMessage {json.dumps(message)}@@", wait="done")
        asked = models.messages.requests
        (result,) = next(one.results for one in asked if one.kind == "tool-result")
        assert '"success":true' not in result.replace(" ", "")
        assert not any("ListAgents" in f"{one.tools}{one.messages}" for one in asked)
        assert not [text for text in models.messages.turns() if WORD in text and "<iap" not in text]


@BOTH
def test_left_in_an_empty_composer_does_nothing(models: Models, claude: Pinned) -> None:
    """It would move the session to the background, where a message would start another one."""
    with real_fleet(models, claude=claude) as fleet:
        fleet.start()
        fleet.claude("alice")
        fleet.send("alice", "hello", wait="done")
        before = fleet.runtime("alice")
        agent = psutil.Process(before["pid"])
        for _ in range(2):
            fleet.call("POST", "/peers/alice/answer", {"key": "Left"})
        fleet.until(fleet.send("alice", "and now?")["id"], "done")
        after = fleet.runtime("alice")
        assert (after["pid"], after["session"]) == (before["pid"], before["session"])
        assert fleet.bodies() == ["hello", "and now?"]
        started = [one for one in fleet.processes() if "daemon" in one.cmdline() and one.name() == agent.name()]
        assert not started
