"""What the file says beside screens and records: program, environment, command line, conversations."""

from __future__ import annotations

import tomllib

import pytest

from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.binary import unchecked
from iapeer.sessions.launchplan import fill, scrubbed

# Set by Codex 0.169.0 for a tool's process, as its `env` printed them.
FOR_CHILDREN = [
    "CODEX_APPLY_PATCH_PRESERVE_LINE_ENDINGS",
    "CODEX_CI",
    "CODEX_PERMISSION_PROFILE",
    "CODEX_SANDBOX_NETWORK_DISABLED",
    "CODEX_SESSION_ID",
    "CODEX_THREAD_ID",
    "CODEX_TOOL_CALL_ID",
    "CODEX_VERSION",
]
USERS_OWN = ["CODEX_HOME", "CODEX_API_KEY", "OPENAI_API_KEY", "CODEX_CA_CERTIFICATE"]
THREAD = "01a1fe74-1673-7c62-8889-78fbb09c15e9"


def test_the_version_is_told(adapter: Adapter) -> None:
    """`codex --version` says one that the file was checked with."""
    found = adapter.binary.version.search("codex-cli 0.169.0\n")
    assert found and unchecked(adapter, found["version"]) is None


@pytest.mark.parametrize("command", ["codex", "codex-x86_64-unknown-linux-musl", "node"])
def test_the_agent_is_the_foreground(adapter: Adapter, command: str) -> None:
    """Itself, or npm's launcher, which waits for it."""
    assert adapter.binary.foreground.search(command)


@pytest.mark.parametrize("command", ["sh", "bash", "zsh", "env", "vim", "node-gyp", "python3.11", "mycodex", ""])
def test_nothing_else_is(adapter: Adapter, command: str) -> None:
    """A shell in the foreground would run our text."""
    assert adapter.binary.foreground.search(command) is None


def test_what_a_parent_agent_sets_is_not_inherited(adapter: Adapter) -> None:
    """The user's own settings stay."""
    names = [*FOR_CHILDREN, "CODEX_SANDBOX", *USERS_OWN]
    assert list(scrubbed(dict.fromkeys(names, "1"), adapter.launch.scrub)) == USERS_OWN


@pytest.mark.parametrize(
    "folder", ["/home/u/project", '/home/u/my "odd" pro\'j', "/a\\b", "/tab\there.x={}", "/ä漢🙂\x7f"]
)
def test_trust_is_said_for_any_folder(adapter: Adapter, folder: str) -> None:
    """Whatever the folder is called, the flag is TOML that names it and nothing else."""
    (flag,) = [arg for arg in adapter.launch.args if "trust_level" in arg]
    assert tomllib.loads(fill(flag, {"cwd": folder})) == {"projects": {folder: {"trust_level": "trusted"}}}


def test_no_daemon_of_its_own(adapter: Adapter) -> None:
    """Its turns run in the process that we watch and end."""
    assert adapter.launch.args[0] == "--no-daemon"


def test_open_locks_tell_the_conversation(adapter: Adapter) -> None:
    """From the start on."""
    assert adapter.transcript.find is not None
    found = adapter.transcript.find.open.search(f"/h/.codex/thread-writer-locks/{THREAD}.lock")
    assert found and found["conversation"] == THREAD


@pytest.mark.parametrize(
    "name",
    [
        "thread-writer-locks/.coordination.lock",
        "state_5.sqlite",
        f"x/{THREAD}.lock",
        f"sessions/2026/11/21/rollout-2026-11-21T14-13-03-{THREAD}.jsonl",
    ],
)
def test_other_files_tell_nothing(adapter: Adapter, name: str) -> None:
    """Databases, other locks; rollouts, which it also opens to read another's."""
    assert adapter.transcript.find is not None
    assert adapter.transcript.find.open.search(f"/h/.codex/{name}") is None
