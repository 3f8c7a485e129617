"""Profiles, folders and adapters changed under a peer: a clear sentence, nothing ended for it, and all goes on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from iapeer.model.errors import Failed, PeerError, Refused
from tests.harness import Agent, Root, wait_for
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import adapter_copy
from tests.whole.faults.kit import dead


def _profile(agent: Agent) -> Path:
    return agent.folder / ".iapeer" / "peer-profile.json"


def _write(agent: Agent, text: str) -> None:
    """As an editor saves: whole."""
    new = _profile(agent).with_suffix(".new")
    new.write_text(text)
    new.replace(_profile(agent))


def _problem(house: Root, name: str) -> str:
    """What `list`, `show` and `verify` say is wrong: the same."""
    listed = {one["personality"]: one["problem"] for one in house.call("GET", "/peers")["peers"]}[name]
    found = [one["message"] for one in house.call("GET", "/verify")["problems"] if one["personality"] == name]
    assert house.call("GET", f"/peers/{name}")["peer"]["problem"] == listed
    assert listed.rstrip(".").partition(":")[0] in found[0] or "gone" in found[0]
    return str(listed)


WRONG = [
    ("idle_secs", 0), ("idle_secs", -1), ("idle_secs", "3600"), ("idle_secs", 1e30), ("idle_secs", 10**30),
    ("idle_secs", True), ("idle_secs", None), ("idle_secs", [1]), ("wake_policy", 7), ("wake_policy", None),
    ("wake_policy", ["warm"]), ("resume", "sometimes"), ("resume", None), ("timeout_secs", 0),
    ("timeout_secs", "60"), ("timeout_secs", False), ("permissions", "all"), ("initial_prompt", 3),
]  # fmt: skip


@pytest.fixture(scope="module")
def live(house: Root) -> Iterator[Agent]:
    """A live peer; each test puts its profile right again."""
    agent = house.peer("strange")
    house.send(agent.name, "hello", wait="done")
    sound = _profile(agent).read_text()
    yield agent
    _write(agent, sound)
    house.call("DELETE", f"/peers/{agent.name}", force=1)


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_wrong_field_is_named_and_ends_nothing(house: Root, live: Agent, field: str, value: object) -> None:
    """Path and field in one sentence, wherever one asks; the live session takes messages all the while."""
    sound, pid = _profile(live).read_text(), live.pid
    _write(live, json.dumps({**json.loads(sound), field: value}))
    try:
        said = _problem(house, live.name)
        assert said.startswith(f"{_profile(live)}: field {field}: ")
        assert house.send(live.name, "goes on", wait="done")["outcome"] == "delivered"
        with pytest.raises(Failed) as failed:
            house.call("PATCH", f"/peers/{live.name}", {"fields": {"description": "other"}})
        assert str(failed.value) == said
    finally:
        _write(live, sound)
    assert live.pid == pid
    assert not house.events("parking", "actor_error", peer=live.name)


@pytest.mark.parametrize(
    "text", ["", "[]", "7", "null", "[" * 100_000, '{"idle_secs": ' + "9" * 5000 + "}", '{"idle_secs": NaN}', "\x00"]
)
def test_what_is_no_profile_is_said(house: Root, live: Agent, text: str) -> None:
    """Whatever the file holds, the list and the live session go on."""
    sound = _profile(live).read_text()
    _write(live, text)
    try:
        assert str(_profile(live)) in _problem(house, live.name)
        assert house.send(live.name, "goes on", wait="done")["outcome"] == "delivered"
    finally:
        _write(live, sound)


def test_an_unknown_policy_means_warm(house: Root, new_peer: NewPeer) -> None:
    """With a warning of `verify`; it sleeps and wakes as warm peers do."""
    agent = new_peer()
    profile = json.loads(_profile(agent).read_text())
    _write(agent, json.dumps({**profile, "wake_policy": "lukewarm", "idle_secs": 1}))
    (found,) = [one for one in house.call("GET", "/verify")["problems"] if one["personality"] == agent.name]
    assert (found["level"], "lukewarm" in found["message"]) == ("warning", True)
    house.send(agent.name, "one", topic="ships", wait="done")
    house.call("GET", f"/peers/{agent.name}/wait", state="asleep", timeout_s=30)
    house.send(agent.name, "two", topic="ships", wait="done")
    assert house.call("GET", f"/peers/{agent.name}")["last_session"]["cause"] == "parked-resume"
    with pytest.raises(PeerError, match="not a wake policy"):
        house.call("PATCH", f"/peers/{agent.name}", {"fields": {"wake_policy": "lukewarm"}})


@pytest.mark.parametrize("word", ["idle_secs", "timeout_secs"])
def test_set_refuses_what_the_file_may_not_hold(house: Root, new_peer: NewPeer, word: str) -> None:
    """And writes nothing."""
    agent = new_peer()
    before = _profile(agent).read_text()
    for value in (0, "3600", 1e30, True, 10**12):
        with pytest.raises(PeerError, match=word):
            house.call("PATCH", f"/peers/{agent.name}", {"fields": {word: value}})
    assert _profile(agent).read_text() == before


def test_a_change_of_idle_secs_is_heard_at_once(house: Root, new_peer: NewPeer) -> None:
    """Not by the heartbeat a minute later."""
    agent = new_peer()
    house.send(agent.name, "hello", wait="done")
    house.call("GET", f"/peers/{agent.name}/wait", state="idle", timeout_s=10)
    house.call("PATCH", f"/peers/{agent.name}", {"fields": {"idle_secs": 1}})
    house.call("GET", f"/peers/{agent.name}/wait", state="asleep", timeout_s=20)


def test_a_profile_edited_by_hand_is_heard_by_the_heartbeat(root: Root) -> None:
    """Here once a second."""
    root.start(IAPEER_RECONCILE_SECS="1")
    agent = root.peer("alice")
    root.send("alice", "hello", wait="done")
    _write(agent, json.dumps({**json.loads(_profile(agent).read_text()), "idle_secs": 1}))
    root.call("GET", "/peers/alice/wait", state="asleep", timeout_s=20)


# ---- folders


def _moved(agent: Agent) -> Path:
    return agent.folder.rename(agent.folder.with_name(f"{agent.name}-elsewhere"))


def test_a_folder_moved_while_it_sleeps(house: Root, new_peer: NewPeer) -> None:
    """What waits says so, once, and goes on when `move` has told where it is; what is sent meanwhile is refused."""
    agent = new_peer()
    house.send(agent.name, "hello", topic="ships", wait="done")
    house.call("POST", f"/peers/{agent.name}/stop", {})
    waits = house.send(agent.name, "waits", topic="ships")["id"]
    new = _moved(agent)
    assert "iapeer move" in _problem(house, agent.name)
    with pytest.raises(PeerError, match="is gone: `iapeer move`"):
        house.call("POST", f"/peers/{agent.name}/start", {})
    with pytest.raises(PeerError, match="is gone: `iapeer move`"):
        house.send(agent.name, "refused")
    assert house.state(waits) == "held"
    house.call("POST", f"/peers/{agent.name}/move", {"dir": str(new)})
    house.call("POST", f"/peers/{agent.name}/start", {})
    house.until(waits, "done")
    assert house.call("GET", f"/peers/{agent.name}")["last_session"]["mode"] == "resume"
    shutil.rmtree(new)


def test_a_message_that_waits_for_a_folder_goes_on_at_once(root: Root) -> None:
    """Its launch failed for the folder, and it would be tried again only much later."""
    root.start()
    agent = root.peer("alice")
    root.send("alice", "hello", wait="done")
    root.call("POST", "/peers/alice/stop", {})
    waits = root.send("alice", "waits")["id"]
    root.kill()
    new = _moved(agent)
    _sql_start(root)
    root.start()
    wait_for(lambda: root.message(waits)["row"]["reason"] == "guard", "the reason to show")
    failed = root.events("launch_failed")
    assert all(f"The folder {agent.folder} is gone: `iapeer move`" in one["error"] for one in failed)
    root.call("POST", "/peers/alice/move", {"dir": str(new)})
    root.until(waits, "done")
    assert root.events("launch_failed") == failed
    assert not root.events("actor_error")


def _sql_start(root: Root) -> None:
    """As if `start` had been noted by the daemon that died."""
    import sqlite3

    with sqlite3.connect(root.base / "root" / "state" / "iapeer.db") as sql:
        sql.execute("UPDATE peers SET stopped = 0")


@pytest.mark.parametrize("deleted", [False, True], ids=["moved", "deleted"])
def test_a_folder_that_goes_under_a_live_session(house: Root, new_peer: NewPeer, deleted: bool) -> None:
    """The session lives on, takes messages, can be looked at and stopped, and is not parked; all say what is wrong."""
    agent = new_peer()
    house.call("PATCH", f"/peers/{agent.name}", {"fields": {"idle_secs": 2}})
    sent = house.send(agent.name, "hello", topic="ships", wait="done")
    new = _moved(agent)
    if deleted:
        shutil.rmtree(new)
    assert "is gone" in _problem(house, agent.name)
    assert house.runtime(agent.name)["session"] == sent["session"]
    again = house.send(agent.name, "goes on", topic="ships", wait="done")
    assert (again["outcome"], again["session"]) == ("delivered", sent["session"])
    assert house.call("GET", f"/peers/{agent.name}/screen")["session"] == sent["session"]
    listed = house.cli("list").stdout
    assert [line for line in listed.splitlines() if agent.name in line and "broken" in line]
    assert [line for line in listed.splitlines() if agent.name in line and "live" in line]
    with pytest.raises(Refused, match="is live"):
        house.call("POST", f"/peers/{agent.name}/move", {"dir": str(house.base)})
    house.call("POST", f"/peers/{agent.name}/stop", {})
    assert house.call("GET", f"/sessions/{sent['session']}")["end_cause"] == "stop"
    assert not house.events("parking", "actor_error", peer=agent.name)
    if not deleted:
        house.call("POST", f"/peers/{agent.name}/move", {"dir": str(new)})
        house.call("POST", f"/peers/{agent.name}/start", {})
        assert house.call("GET", f"/peers/{agent.name}")["last_session"]["mode"] == "resume"
        shutil.rmtree(new)


# ---- adapters


@pytest.fixture
def odd(root: Root) -> Root:
    """A root with the peer bob, whose adapter is a file of the user's own."""
    root.start()
    adapter_copy(root, "fakeb")
    folder = root.base / "bob"
    launch = folder / ".iapeer" / "runtimes" / "fakeb" / "launch.env"
    launch.parent.mkdir(parents=True)
    launch.write_text(f"FAKE_HOME={root.base}/bob-home\n")
    root.call("POST", "/peers", {"dir": str(folder), "runtime": "fakeb", "trust": True})
    return root


def _adapter(root: Root) -> Path:
    return root.base / "root" / "config" / "adapters" / "fakeb.toml"


def _bob(root: Root) -> dict[str, Any]:
    return root.runtime("bob")


def test_an_adapter_that_goes_leaves_the_live_session_alone(odd: Root) -> None:
    """It goes on as it was launched. A new daemon cannot take it over, says so, and leaves it be, until it can."""
    sent = odd.send("bob", "hello", wait="done")
    pid = _bob(odd)["pid"]
    text = _adapter(odd).read_text()
    _adapter(odd).unlink()
    assert odd.send("bob", "goes on", wait="done")["session"] == sent["session"]
    odd.kill()
    odd.start()
    entry = _bob(odd)
    assert (entry["status"], entry["activity"], entry["blocked_on"]["reason"]) == ("live", "blocked", "unreachable")
    assert "fakeb" in entry["blocked_on"]["text"]
    assert "fakeb" in odd.cli("show", "bob").stdout
    waits = odd.send("bob", "waits")
    assert (waits["outcome"], waits["reason"]) == ("queued", "unreachable")
    with pytest.raises(Failed, match="cannot be reached"):
        odd.call("POST", "/peers/bob/stop", {})
    odd.call("GET", "/status")
    assert psutil.pid_exists(pid)
    assert len(odd.events("wake")) == 1
    odd.kill()
    _adapter(odd).write_text(text)
    _unstop(odd)
    odd.start()
    odd.until(waits["id"], "done")
    assert (_bob(odd)["pid"], _bob(odd)["session"]) == (pid, sent["session"])


def _unstop(root: Root) -> None:
    import sqlite3

    with sqlite3.connect(root.base / "root" / "state" / "iapeer.db") as sql:
        sql.execute("UPDATE peers SET stopped = 0")


def test_an_adapter_edited_under_a_live_session(odd: Root) -> None:
    """The session keeps to what it was launched with, the next daemon to what is confirmed by then."""
    sent = odd.send("bob", "hello", wait="done")
    _adapter(odd).write_text(_adapter(odd).read_text().replace('compact = "/compact"', 'compact = "/login"'))
    odd.call("POST", "/peers/bob/trust", {})
    assert odd.send("bob", "goes on", wait="done")["session"] == sent["session"]
    pid = _bob(odd)["pid"]
    odd.kill()
    odd.start()
    assert odd.send("bob", "goes on", wait="done")["session"] == sent["session"]
    assert _bob(odd)["pid"] == pid
    assert not odd.events("actor_error", "degraded")


def test_what_a_dead_session_left_waits_for_its_adapter(odd: Root) -> None:
    """Its record cannot be read without: the message is neither failed nor typed again by a guess."""
    gate = odd.base / "gate"
    sent = odd.send("bob", f"@@TOOL while [ ! -e {gate} ]; do sleep 0.02; done@@ @@SAY well@@", wait="delivered")
    pid = int(_bob(odd)["pid"])
    text = _adapter(odd).read_text()
    _adapter(odd).unlink()
    odd.kill()
    gate.touch()
    home = odd.base / "bob-home" / "conversations"
    wait_for(lambda: "turn_end" in "".join(file.read_text() for file in home.iterdir()), "the turn's end")
    os.kill(pid, 9)
    (server,) = [one for one in odd.processes() if "tmux" in one.name()]
    server.kill()
    wait_for(lambda: dead(server.pid), "the server's end")
    odd.start()
    (trouble,) = wait_for(lambda: odd.events("actor_error"), "the trouble to be told")
    assert "fakeb" in trouble["error"]
    assert odd.state(sent["id"]) == "running"
    _adapter(odd).write_text(text)
    assert odd.until(sent["id"], "done", "failed")["row"]["state"] == "done"
