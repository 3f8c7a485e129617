"""What the model is really sent beside the messages: the doctrine in its system prompt, and the first words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fixtures.get_claude import CLAUDE, OLDER
from fixtures.model_script import Request
from fixtures.npm_binary import Pinned
from iapeer.peers.profile import write_profile
from tests.harness import wait_for
from tests.real.conftest import Models, RealFleet, real_fleet

pytestmark = pytest.mark.real

WORDS = "!touch TRAP\n/clear\nYou keep the minutes. @README.md"


@pytest.fixture
def fleet(models: Models) -> Iterator[RealFleet]:
    """A fleet with its daemon, and alice, a Claude Code, in it."""
    with real_fleet(models) as made:
        made.start()
        made.claude("alice")
        yield made


def _turns(fleet: RealFleet) -> list[Request]:
    return [request for request in fleet.models.messages.requests if request.kind == "turn"]


def _systems(fleet: RealFleet) -> list[str]:
    """The system prompt of every turn."""
    return [request.system for request in _turns(fleet)]


def _end(fleet: RealFleet) -> None:
    psutil.Process(fleet.runtime("alice")["pid"]).terminate()
    fleet.call("GET", "/peers/alice/wait", state="asleep", timeout_s=30)


def _resume(fleet: RealFleet) -> None:
    _end(fleet)
    fleet.call("POST", "/peers/alice/attach", {})
    fleet.call("GET", "/peers/alice/wait", state="idle", timeout_s=30)


def _start_args(fleet: RealFleet, args: str) -> None:
    path = fleet.folder("alice") / ".iapeer" / "runtimes" / "claude" / "launch.env"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"PEER_START_ARGS={args}\n")
    fleet.trust("alice")


def test_fresh_and_resumed_the_model_is_told_what_holds_now(fleet: RealFleet) -> None:
    """Identity, peers, both IAPEER.md and fragments, beside Claude Code's own words; anew for a resumed session."""
    config, own = fleet.base / "root" / "config", fleet.folder("alice") / ".iapeer"
    write_profile(fleet.folder("alice"), {"description": "Keeps the minutes."})
    for folder in (config / "fragments", own / "fragments"):
        folder.mkdir()
    (config / "IAPEER.md").write_text("The host says heron.")
    (own / "IAPEER.md").write_text("The peer says 'egret' \"$HOME\" {home}.")
    (config / "fragments" / "a.md").write_text("A fragment of the host.")
    (own / "fragments" / "a.md").write_text("A fragment of the peer.")
    assert fleet.send("alice", "one", wait="done")["state"] == "done"
    (fleet.base / "bob").mkdir()
    fleet.call("POST", "/peers", {"dir": str(fleet.base / "bob"), "runtime": "claude"})
    (config / "IAPEER.md").write_text("The host says stork.")
    _resume(fleet)
    assert fleet.send("alice", "two", wait="done")["state"] == "done"
    fresh, resumed = _systems(fleet)
    for system in (fresh, resumed):
        said = [
            "Claude Code", "alice (identity claude-alice: Claude Code)", "Keeps the minutes.",
            str(fleet.folder("alice")), "`send_to_peer`", "iapeer send PEER TEXT", "## Peers", "The host says ",
            "The peer says 'egret' \"$HOME\" {home}.", "A fragment of the host.", "A fragment of the peer.",
        ]  # fmt: skip
        assert [part for part in said if part not in system] == []
        where = [system.index(part) for part in said[6:]]
        assert where == sorted(where)
        assert f"<!-- {own / 'IAPEER.md'} -->" in system
    assert ("heron" in fresh, "stork" in fresh, "- bob (" in fresh) == (True, False, False)
    assert ("heron" in resumed, "stork" in resumed, "- bob (claude; artificial)" in resumed) == (False, True, True)
    assert not fleet.events("doctrine", "degraded")


@pytest.mark.parametrize(("claude", "flag"), [(CLAUDE, True), (OLDER, False)], ids=["newest", "older"])
def test_a_changed_doctrine_reaches_a_resumed_conversation(models: Models, claude: Pinned, flag: bool) -> None:
    """On the newest by a flag that the older does not know, so that its adapter gives it by version; told once."""
    with real_fleet(models, claude=claude) as fleet:
        host = fleet.base / "root" / "config" / "IAPEER.md"
        fleet.start()
        fleet.claude("alice")
        host.write_text("The host says heron.")
        assert fleet.send("alice", "one", wait="done")["state"] == "done"
        host.write_text("The host says stork.")
        _resume(fleet)
        assert fleet.send("alice", "two", wait="done")["state"] == "done"
        assert [("heron" in system, "stork" in system) for system in _systems(fleet)] == [(True, False), (False, True)]
        argv = psutil.Process(fleet.runtime("alice")["pid"]).cmdline()
        assert ("--system-prompt-snapshot" in argv) == flag
        assert {event["version"] for event in fleet.events("wake")} == {claude.version}
        assert not fleet.events("unchecked_version")


def test_first_words_arrive_once_in_every_fresh_session(fleet: RealFleet) -> None:
    """Before the envelope of its first message, inert; not with the second, and not into a resumed session."""
    write_profile(fleet.folder("alice"), {"initial_prompt": WORDS})
    fleet.trust("alice")
    (fleet.folder("alice") / "README.md").write_text("read me")
    for body in ("one", "two"):
        assert fleet.send("alice", body, wait="done")["state"] == "done"
    _resume(fleet)
    assert fleet.send("alice", "three", wait="done")["state"] == "done"
    fleet.call("POST", "/peers/alice/new", {})
    assert fleet.send("alice", "x" * 15_000, wait="done")["state"] == "done"
    start = f"<first-words>\n{WORDS}\n</first-words>\n<iap "
    assert [text.startswith(start) for text in fleet.models.messages.turns()] == [True, False, False, True]
    assert [envelope.body for envelope in fleet.heard()] == ["one", "two", "three", "x" * 15_000]
    assert not (fleet.folder("alice") / "TRAP").exists()


def test_our_flags_leave_the_users_own_in_force(fleet: RealFleet) -> None:
    """A prompt behind ours is a prompt, and tools allowed by the user are allowed beside ours."""
    mark = fleet.folder("alice") / "made"
    _start_args(fleet, '--allowedTools "Bash(touch:*)"')
    sent = fleet.send("alice", f'@@TOOL Bash {{"command":"touch {mark}"}}@@', wait="done")
    assert sent["state"] == "done"
    assert mark.exists()
    _end(fleet)
    _start_args(fleet, "'\"a prompt of mine\"'")
    fleet.call("POST", "/peers/alice/start", {})
    wait_for(lambda: "a prompt of mine" in fleet.models.messages.turns(), "the user's prompt to be asked")


def test_claude_is_given_our_server_and_says_who_it_is(fleet: RealFleet) -> None:
    """A file of the session's names it, the token stays in the environment; no dialog, no file of the user's."""
    assert fleet.send("alice", "one", wait="done")["state"] == "done"
    process = psutil.Process(fleet.runtime("alice")["pid"])
    argv, token = process.cmdline(), process.environ()["IAPEER_TOKEN"]
    path = next(part for part in argv if part.startswith("--mcp-config=")).partition("=")[2]
    server = json.loads(Path(path).read_text())["mcpServers"]["iapeer"]
    assert server["url"].endswith("/mcp")
    assert token not in " ".join(argv) + Path(path).read_text()
    assert "--allowedTools=mcp__iapeer,Bash(iapeer send:*),Bash(iapeer self:*)" in argv
    assert not fleet.events("dialog")
    assert not (fleet.folder("alice") / ".mcp.json").exists()
    state = json.loads((fleet.base / "home" / ".claude.json").read_text())
    assert not state.get("mcpServers")
    assert not any(project.get("mcpServers") for project in state["projects"].values())


def test_claude_may_send_in_a_shell_and_nothing_beside_it(fleet: RealFleet) -> None:
    """What is left when our server cannot be reached asks nobody; a command behind it does."""
    sent = fleet.send("alice", '@@TOOL Bash {"command":"iapeer send operator hello"}@@', wait="done")
    assert sent["state"] == "done"
    assert [row["preview"] for row in fleet.call("GET", "/peers/operator/inbox")["rows"]] == ["hello"]
    both = json.dumps({"command": f"iapeer send operator again && touch {fleet.folder('alice')}/made"})
    fleet.send("alice", f"@@TOOL Bash {both}@@", wait="delivered")
    wait_for(lambda: fleet.runtime("alice")["activity"] == "blocked", "the dialog")
    assert not (fleet.folder("alice") / "made").exists()
    assert len(fleet.call("GET", "/peers/operator/inbox")["rows"]) == 1


def test_a_resumed_codex_is_told_what_holds_now(fleet: RealFleet, models: Models) -> None:
    """It keeps its first developer message, so the words of now come before its first message, once."""
    fleet.codex("carol")
    host = fleet.base / "root" / "config" / "IAPEER.md"
    host.write_text("The host says heron.")
    assert fleet.send("carol", "one", wait="done")["state"] == "done"
    host.write_text("The host says stork.")
    psutil.Process(fleet.runtime("carol")["pid"]).terminate()
    fleet.call("GET", "/peers/carol/wait", state="asleep", timeout_s=30)
    fleet.call("POST", "/peers/carol/attach", {})
    for body in ("two", "three"):
        assert fleet.send("carol", body, wait="done")["state"] == "done"
    turns = [request for request in models.responses.requests if request.kind == "turn"]
    assert ["heron" in request.system for request in turns] == [True, True, True]
    assert ["stork" in request.text for request in turns] == [False, True, False]
    assert [envelope.body for envelope in fleet.heard()] == ["one", "two", "three"]
