"""What the file says beside screens and records: program, environment, hooks, live state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iapeer.model.names import PERMISSION_MODES, PermissionMode
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.binary import unchecked
from iapeer.runtimes.livestate import Live, read_live
from iapeer.sessions.launchplan import fill, scrubbed
from tests.unit.claude_adapter.conftest import VERSIONS

# Set by Claude Code 2.1.197 and 2.1.332 for a tool's process, as its `env` printed them.
FOR_CHILDREN = [
    "AI_AGENT",
    "CLAUDECODE",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_EXECPATH",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_EFFORT",
    "CLAUDE_CODE_CHILD_NOTES_DIR",
    "CLAUDE_CODE_MESSAGING_SOCKET",
    "CLAUDE_CODE_MESSAGING_TOKEN",
    "CLAUDE_CODE_SESSION_ATTENDED",
    "CLAUDE_PID",
]
USERS_OWN = ["CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_MAX_OUTPUT_TOKENS", "CLAUDE_CONFIG_DIR", "ANTHROPIC_BASE_URL"]
LIVE = {
    "pid": 24093,
    "sessionId": "f58a3b1f-7c77-4167-8a91-9bbe488d4695",
    "cwd": "/home/u/project",
    "startedAt": 1795260381629,
    "procStart": "220909",
    "version": "2.1.197",
    "kind": "interactive",
    "entrypoint": "cli",
    "status": "idle",
    "updatedAt": 1795260381505,
    "statusUpdatedAt": 1795260381505,
}


def test_the_version_is_told(adapter: Adapter) -> None:
    """`claude --version` says one that the file was checked with."""
    for version in VERSIONS:
        found = adapter.binary.version.search(f"{version} (Claude Code)\n")
        assert found and unchecked(adapter, found["version"]) is None


@pytest.mark.parametrize("command", ["claude", "claude.exe", *VERSIONS])
def test_the_agent_is_the_foreground(adapter: Adapter, command: str) -> None:
    """tmux names it by its link, or by its versioned file."""
    assert adapter.binary.foreground.search(command)


@pytest.mark.parametrize("command", ["sh", "bash", "zsh", "node", "env", "vim", "claude-wrapper", "python3.11", ""])
def test_nothing_else_is(adapter: Adapter, command: str) -> None:
    """A shell in the foreground would run our text."""
    assert adapter.binary.foreground.search(command) is None


def test_what_a_parent_agent_sets_is_not_inherited(adapter: Adapter) -> None:
    """A child that inherits these keeps no transcript; the user's own settings stay."""
    names = [*FOR_CHILDREN, "CLAUDE_BG_RV_AUTH", *USERS_OWN]
    assert list(scrubbed(dict.fromkeys(names, "1"), adapter.launch.scrub)) == USERS_OWN


@pytest.mark.parametrize("mode", PERMISSION_MODES)
def test_no_hook_obeys_the_network(adapter: Adapter, mode: PermissionMode) -> None:
    """The settings file is valid; its one hook is our command, which answers nothing. Auto mode is left open only to
    who asked for it."""
    assert adapter.settings is not None
    more = adapter.launch.permissions[mode].fill
    settings = json.loads(fill(adapter.settings.body, {**more, "turn_hook": "say 'so' || :", "certificate_file": "/c"}))
    assert (settings.get("disableAutoMode") == "disable") is (mode != "auto")
    command = {"type": "command", "command": "say 'so' || :", "timeout": 5}
    assert settings["env"] == {"NODE_EXTRA_CA_CERTS": "/c"}
    assert settings["hooks"] == {"Stop": [{"hooks": [command]}]}


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({}, "idle", None),
        ({"status": "busy"}, "busy", None),
        ({"status": "shell"}, "background", None),
        ({"status": "waiting", "waitingFor": "permission prompt"}, "waiting", "permission"),
        ({"status": "waiting", "waitingFor": "dialog open"}, "waiting", "question"),
        ({"status": "waiting", "waitingFor": "input needed"}, "waiting", "question"),
        ({"status": None}, "loading", None),
    ],
)
def test_the_live_state_is_read(
    adapter: Adapter, tmp_path: Path, change: dict[str, str | None], status: str, reason: str | None
) -> None:
    """Each status that was seen in sessions/PID.json."""
    assert adapter.live_state is not None
    file = tmp_path / "24093.json"
    file.write_text(json.dumps({key: value for key, value in {**LIVE, **change}.items() if value is not None}))
    live = read_live(adapter.live_state, file, 220909)
    assert isinstance(live, Live)
    assert (live.status, live.reason, live.conversation) == (status, reason, LIVE["sessionId"])
    assert live.updated_ms == 1795260381505
    assert read_live(adapter.live_state, file, 1) is None
