"""What the file says beside screens and records: program, environment, command line."""

from __future__ import annotations

import json

import pytest

from iapeer.runtimes.binary import unchecked
from iapeer.sessions.launchplan import fill, scrubbed
from tests.unit.opencode_adapter.conftest import ADAPTER

FOR_CHILDREN = ["AGENT", "OPENCODE", "OPENCODE_PID"]  # as a tool's `env` printed them
USERS_OWN = ["OPENCODE_CONFIG", "OPENCODE_CONFIG_DIR", "OPENCODE_PERMISSION", "XDG_DATA_HOME"]


def test_the_version_is_told() -> None:
    """`opencode --version` says one that the file was checked with."""
    told = ADAPTER.binary.version.search("1.18.33\n")
    assert told and unchecked(ADAPTER, told["version"]) is None


@pytest.mark.parametrize("command", ["opencode", ".opencode", "node"])
def test_the_agent_is_the_foreground(command: str) -> None:
    """Itself, or npm's launcher, which waits for it."""
    assert ADAPTER.binary.foreground.search(command)


@pytest.mark.parametrize("command", ["sh", "bash", "zsh", "env", "vim", "nodejs", "python3.11", "myopencode", ""])
def test_nothing_else_is(command: str) -> None:
    """A shell in the foreground would run our text."""
    assert ADAPTER.binary.foreground.search(command) is None


def test_what_a_parent_agent_sets_is_not_inherited() -> None:
    """The user's own settings stay."""
    names = [*FOR_CHILDREN, *USERS_OWN]
    assert list(scrubbed(dict.fromkeys(names, "1"), ADAPTER.launch.scrub)) == USERS_OWN


def test_its_configuration_is_json_whatever_the_folder_is_called() -> None:
    """And holds the token's name, not the token."""
    names = {"doctrine_file": '/s/"odd" {mcp_url}\\x', "mcp_url": "https://127.0.0.1:1/mcp"}
    config = json.loads(fill(ADAPTER.launch.env["OPENCODE_CONFIG_CONTENT"], names))
    assert config["instructions"] == [names["doctrine_file"]]
    server = config["mcp"]["iapeer"]
    assert (server["url"], server["headers"]) == (names["mcp_url"], {"Authorization": "Bearer {env:IAPEER_TOKEN}"})
