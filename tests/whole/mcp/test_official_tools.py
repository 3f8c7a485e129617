"""MCP's official conformance tool and inspector against `/mcp`, over loopback alone."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.get_mcp_tools import Tools, get_mcp_tools
from tests.whole.mcp.conftest import NewPeer
from tests.whole.mcp.tools import Caller, certificate_of, proxy

pytestmark = pytest.mark.real

APPLY = ("server-initialize", "ping", "tools-list", "dns-rebinding-protection")
_TEST_TOOL = "calls a tool that only a test server has"
_NO_RESOURCES, _NO_PROMPTS = "iapeer offers no resources", "iapeer offers no prompts"
_TO_CLIENT = f"{_TEST_TOOL}, which asks the client: stateless servers cannot"
_STREAMS = f"{_TEST_TOOL}, and wants event streams: ours answers with JSON"
DO_NOT_APPLY = {
    "logging-set-level": "iapeer sends no log messages to clients",
    "completion-complete": "iapeer completes no arguments",
    "tools-call-simple-text": _TEST_TOOL,
    "tools-call-image": _TEST_TOOL,
    "tools-call-audio": _TEST_TOOL,
    "tools-call-embedded-resource": _TEST_TOOL,
    "tools-call-mixed-content": _TEST_TOOL,
    "tools-call-with-logging": _TEST_TOOL,
    "tools-call-error": _TEST_TOOL,
    "tools-call-with-progress": _TEST_TOOL,
    "tools-call-sampling": _TO_CLIENT,
    "tools-call-elicitation": _TO_CLIENT,
    "json-schema-2020-12": _TEST_TOOL,
    "elicitation-sep1034-defaults": _TO_CLIENT,
    "server-sse-polling": _STREAMS,
    "server-sse-multiple-streams": _STREAMS,
    "elicitation-sep1330-enums": _TO_CLIENT,
    "resources-list": _NO_RESOURCES,
    "resources-read-text": _NO_RESOURCES,
    "resources-read-binary": _NO_RESOURCES,
    "resources-templates-read": _NO_RESOURCES,
    "resources-subscribe": _NO_RESOURCES,
    "resources-unsubscribe": _NO_RESOURCES,
    "prompts-list": _NO_PROMPTS,
    "prompts-get-simple": _NO_PROMPTS,
    "prompts-get-with-args": _NO_PROMPTS,
    "prompts-get-embedded-resource": _NO_PROMPTS,
    "prompts-get-with-image": _NO_PROMPTS,
}


@pytest.fixture(scope="module")
def tools() -> Tools:
    """The pinned tools; the fetcher's error is the failure."""
    return get_mcp_tools()


@pytest.fixture
def url(alice: Caller) -> Iterator[str]:
    """`/mcp` behind a proxy that shows alice's token: the conformance tool cannot."""
    with proxy(alice.port, alice.token) as port:
        yield f"http://127.0.0.1:{port}/mcp"


def _run(command: list[str], home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home), **more}
    return subprocess.run(command, capture_output=True, text=True, timeout=110, cwd=home, env=env, check=False)


def test_every_scenario_of_the_conformance_tool_is_run_or_has_a_reason(tools: Tools, tmp_path: Path) -> None:
    """The tool's own list and ours agree, so that none is skipped in silence."""
    said = _run([*tools.conformance, "list", "--server"], tmp_path).stdout
    assert set(re.findall(r"^  - (\S+)", said, re.MULTILINE)) == {*APPLY, *DO_NOT_APPLY}


@pytest.mark.parametrize("scenario", APPLY)
def test_the_conformance_tool_passes(tools: Tools, url: str, tmp_path: Path, scenario: str) -> None:
    """Each scenario that applies: at least one check, none failed, none with a warning."""
    done = _run([*tools.conformance, "server", "--url", url, "--scenario", scenario], tmp_path)
    counted = re.search(r"Passed: (\d+)/(\d+), (\d+) failed, (\d+) warnings", done.stdout)
    assert counted, done.stdout + done.stderr
    passed, of, failed, warnings = map(int, counted.groups())
    assert (done.returncode, failed, warnings) == (0, 0, 0), done.stdout
    assert passed == of > 0


def test_the_inspector_finds_one_sound_tool(tools: Tools, alice: Caller, tmp_path: Path) -> None:
    """It lists send_to_peer and finds nothing in its schemas that a client could stumble over."""
    done = _run([*_inspect(tools, alice), "--method", "tools/list", "--strict"], tmp_path, **_trust(alice))
    assert done.returncode == 0, done.stderr
    (tool,) = json.loads(done.stdout)["tools"]
    assert tool["name"] == "send_to_peer"
    assert "portability" not in done.stderr


def test_the_inspector_sends_a_message(tools: Tools, alice: Caller, new_peer: NewPeer, tmp_path: Path) -> None:
    """What it calls the tool with arrives in the other agent's terminal, and its answer comes back."""
    bob = new_peer()
    arguments = ["personality=" + bob.name, "message=from the inspector", "wait=true"]
    called = ["--method", "tools/call", "--tool-name", "send_to_peer", "--tool-arg", *arguments]
    done = _run([*_inspect(tools, alice), *called], tmp_path, **_trust(alice))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["structuredContent"]["reply"]["body"] == "ECHO: from the inspector"
    assert bob.bodies() == ["from the inspector"]
    assert [turn.sender for turn in bob.turns()] == [alice.agent.name]


def _inspect(tools: Tools, caller: Caller) -> list[str]:
    where = ["--transport", "http", "--server-url", f"https://127.0.0.1:{caller.port}/mcp"]
    return [*tools.inspector, *where, "--header", f"Authorization: Bearer {caller.token}"]


def _trust(caller: Caller) -> dict[str, str]:
    return {"NODE_EXTRA_CA_CERTS": certificate_of(caller.port)}
