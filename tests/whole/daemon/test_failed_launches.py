"""Launches that fail: said with what to do, counted, and tried again; after the third later, or at once on `start`."""

from __future__ import annotations

import shutil
import time

import pytest

from iapeer.model.errors import Failed, PeerError, Refused
from tests.harness import Root, wait_for
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import adapter_copy, fresh_name


def _wakes(house: Root, name: str) -> int:
    return len(house.events("wake", peer=name))


def test_an_agent_that_dies_at_boot_is_left_down(house: Root, new_peer: NewPeer) -> None:
    """The third time: it is `failing` with its last words, the message held untyped, and `start` tries at once."""
    agent = new_peer("--die-at-boot 1")
    sent = house.send(agent.name, "hello")
    assert (sent["outcome"], sent["reason"]) == ("queued", "waking")
    row = wait_for(
        lambda: ((row := house.message(sent["id"])["row"])["reason"] == "guard" and row) or None, "the guard"
    )
    assert (row["attempt"], row["session"]) == (1, None)
    entry = house.runtime(agent.name)
    assert entry["status"] == "failing"
    assert entry["blocked_on"]["reason"] == "guard"
    assert "fatal: cannot start" in entry["blocked_on"]["text"]
    assert "exit code 1" in entry["blocked_on"]["text"]
    failed = house.events("launch_failed", peer=agent.name)
    assert [(event["failures"], event["again_s"]) for event in failed] == [(1, 0), (2, 0), (3, 30)]
    assert not any("fatal" in event["error"] for event in failed)
    assert house.send(agent.name, "second")["reason"] == "guard"
    assert _wakes(house, agent.name) == 3
    with pytest.raises(Failed, match="fatal: cannot start"):
        house.call("POST", f"/peers/{agent.name}/start", {})
    wait_for(lambda: len(house.events("guard", peer=agent.name)) == 2, "three tries more")
    assert _wakes(house, agent.name) == 6
    agent.configure()
    house.call("POST", f"/peers/{agent.name}/start", {})
    house.until(sent["id"], "done")
    assert house.runtime(agent.name)["blocked_on"] is None
    assert agent.bodies()[0] == "hello"


def test_a_missing_program_is_named(house: Root) -> None:
    """No such program: `start` says which one and how to name it; a message is held; the rest lives on."""
    adapter_copy(house, "ghost", binary="no-such-agent-program")
    name = fresh_name()
    house.call("POST", "/peers", {"create": True, "name": name, "runtime": "ghost"})
    with pytest.raises(Refused) as refused:
        house.call("POST", f"/peers/{name}/start", {})
    assert refused.value.code == "no-binary"
    assert "no-such-agent-program" in str(refused.value)
    assert "IAPEER_GHOST_BIN" in str(refused.value)
    assert house.runtime(name)["status"] == "failing"
    assert house.runtime(name)["blocked_on"]["reason"] == "launch-failed"
    sent = house.send(name, "hello")["id"]
    wait_for(lambda: house.message(sent)["row"]["reason"] == "guard", "two tries more")
    assert house.message(sent)["row"]["state"] == "held"
    assert "no-such-agent-program" in house.runtime(name)["blocked_on"]["text"]
    assert "no-such-agent-program" in house.send(name, "hello")["detail"]
    assert any(problem["personality"] == name for problem in house.call("GET", "/verify")["problems"])
    assert house.call("GET", "/runtimes/ghost")["binary"] is None
    house.call("DELETE", f"/peers/{name}", force=1)


def test_a_program_that_cannot_be_executed_answers_at_once(house: Root) -> None:
    """A file that is no program fails the start with its path; whoever asked is not left waiting."""
    program = house.base / "no-program"
    program.write_bytes(b"\x00\x01 not a program")
    program.chmod(0o755)
    adapter_copy(house, "garbled", binary=str(program))
    name = fresh_name()
    house.call("POST", "/peers", {"create": True, "name": name, "runtime": "garbled"})
    began = time.monotonic()
    with pytest.raises(PeerError, match=str(program)):
        house.call("POST", f"/peers/{name}/start", {})
    assert time.monotonic() - began < 5
    assert house.events("launch_failed", peer=name)[0]["again_s"] == 0
    house.call("DELETE", f"/peers/{name}", force=1)


def test_a_deleted_folder_is_named(house: Root, new_peer: NewPeer) -> None:
    """Without its folder a peer is neither started nor sent to; both say what is missing."""
    agent = new_peer()
    shutil.rmtree(agent.folder)
    with pytest.raises(PeerError, match=str(agent.folder)):
        house.call("POST", f"/peers/{agent.name}/start", {})
    with pytest.raises(PeerError, match=str(agent.folder)):
        house.send(agent.name, "hello")
    assert not house.events("accepted", peer=agent.name)


def test_broken_launch_settings_are_named_with_their_line(house: Root, new_peer: NewPeer) -> None:
    """A launch.env that cannot be read cannot be confirmed, and is named with path and line; what was counts on."""
    agent = new_peer()
    path = agent.folder / ".iapeer" / "runtimes" / "fake" / "launch.env"
    path.write_text("# fine\nthis is no setting\n")
    with pytest.raises(Failed, match=f"{path}, line 2"):
        agent.trust()
    found = [problem for problem in house.call("GET", "/verify")["problems"] if problem["personality"] == agent.name]
    assert [f"{path}, line 2" in problem["message"] for problem in found] == [True]
    assert house.send(agent.name, "hello", wait="done")["state"] == "done"
    assert agent.bodies() == ["hello"]


def test_a_login_screen_blocks_the_start(house: Root, new_peer: NewPeer) -> None:
    """A login is the user's: the start says that a person is needed, nothing is typed, and the peer is blocked."""
    agent = new_peer("--login")
    with pytest.raises(Failed) as blocked:
        house.call("POST", f"/peers/{agent.name}/start", {})
    assert blocked.value.code == "blocked"
    assert "login" in str(blocked.value)
    entry = house.runtime(agent.name)
    assert (entry["activity"], entry["blocked_on"]["reason"]) == ("blocked", "login")
    assert agent.typed() == b""
