"""Peers through the API: made, listed, shown, verified and forgotten; and requests that are no requests."""

from __future__ import annotations

import json
import shutil

import pytest

from iapeer.model.errors import Failed, Refused, Usage
from tests.harness import Root
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import ask, fresh_name

PEER = {
    "personality", "description", "intelligence", "default_runtime", "cwd", "wake_policy", "managed_by", "queue_depth",
    "last_active_ms", "runtimes",
}  # fmt: skip
RUNTIME = {"runtime", "identity", "status", "activity", "blocked_on", "attached", "session", "pid", "socket"} | {
    "refresh", "topics", "armed", "task", "waiting", "held", "held_by", "last_wake", "last_end", "last_active_ms",
}  # fmt: skip


def test_init_is_idempotent_and_shows_the_peer(house: Root) -> None:
    """A folder becomes a peer once; a second init finds it, and its profile holds what was asked for."""
    folder = house.base / (name := fresh_name())
    folder.mkdir()
    wish = {"dir": str(folder), "runtime": "fake", "description": "Reads code."}
    first = house.call("POST", "/peers", wish)
    second = house.call("POST", "/peers", {"dir": str(folder)})
    assert (first["created"], second["created"]) == (True, False)
    assert first["peer"] == second["peer"]
    shown = house.call("GET", f"/peers/{name}")
    assert shown["profile"]["description"] == "Reads code."
    assert shown["profile_path"] == str(folder / ".iapeer" / "peer-profile.json")
    assert shown["last_session"] is None


def test_the_list_has_the_shape_of_the_contract(house: Root, new_peer: NewPeer) -> None:
    """`GET /peers` has exactly the promised fields (and `problem`, `unconfirmed`), asleep and live."""
    asleep, live = new_peer(), new_peer()
    house.send(live.name, "hello", wait="done")
    listed = house.call("GET", "/peers")
    assert set(listed) == {"api", "peers"}
    by_name = {peer["personality"]: peer for peer in listed["peers"]}
    for peer in by_name.values():
        assert set(peer) == PEER | {"problem", "unconfirmed"}
        assert all(set(runtime) == RUNTIME for runtime in peer["runtimes"])
    (entry,) = by_name[asleep.name]["runtimes"]
    assert (entry["status"], entry["activity"], entry["session"], entry["pid"]) == ("asleep", None, None, None)
    (entry,) = by_name[live.name]["runtimes"]
    assert (entry["status"], entry["activity"], entry["attached"]) == ("live", "idle", False)
    assert by_name[live.name]["last_active_ms"] > by_name[live.name]["queue_depth"] == 0


def test_create_makes_the_folder_or_leaves_nothing(house: Root) -> None:
    """A new folder below the root's own; one that cannot become a peer leaves no folder behind."""
    made = house.call("POST", "/peers", {"create": True, "name": (name := fresh_name()), "runtime": "fake"})
    assert made["created"]
    assert made["peer"]["cwd"] == str(house.base / "root" / "data" / "peers" / name)
    target = house.base / "half-done"
    for wish in ({"runtime": "no-such"}, {"runtime": "nosuch"}, {"runtime": "fake", "wake_policy": "never"}):
        with pytest.raises((Refused, Usage)):
            house.call("POST", "/peers", {"create": True, "name": fresh_name(), "dir": str(target), **wish})
        assert not target.exists(), wish


@pytest.mark.parametrize("name", ["Bad", "9lives", "", "a" * 33, "operator", "send", "a/b", "ünit"])
def test_bad_names_are_refused(house: Root, name: str) -> None:
    """A name outside the grammar or reserved gives no peer and no folder."""
    with pytest.raises((Usage, Refused)):
        house.call("POST", "/peers", {"create": True, "name": name, "runtime": "fake"})


def test_a_live_peer_is_removed_only_by_force(house: Root, new_peer: NewPeer) -> None:
    """Removing a live peer is refused; forced, its session ends, its folder and profile stay, its logs go."""
    agent = new_peer()
    house.send(agent.name, "hello", wait="done")
    pid = agent.pid
    with pytest.raises(Refused, match="--force"):
        house.call("DELETE", f"/peers/{agent.name}")
    removed = house.call("DELETE", f"/peers/{agent.name}", force=1)
    assert removed == {"removed": agent.name, "cwd": str(agent.folder)}
    assert not any(process.pid == pid for process in house.processes())
    assert (agent.folder / ".iapeer" / "peer-profile.json").exists()
    assert not list((house.base / "root" / "state" / "logs" / "panes").glob(f"fake-{agent.name}.*"))
    assert not list((house.base / "root" / "state" / "socks").glob(f"*{agent.name}*"))
    with pytest.raises(Refused) as gone:
        house.call("GET", f"/peers/{agent.name}")
    assert gone.value.code == "unknown-peer"
    again = house.call("POST", "/peers", {"dir": str(agent.folder)})
    assert (again["peer"]["last_active_ms"], again["peer"]["queue_depth"]) == (None, 0)


def test_a_peer_removed_with_work_in_hand_leaves_no_session(house: Root, new_peer: NewPeer) -> None:
    """Removed in a turn, with more waiting: all of its messages end dead or failed, and nothing wakes it again."""
    agent = new_peer()
    one = house.send(agent.name, "@@SLOW 30@@", wait="delivered")
    two = house.send(agent.name, "never typed")
    house.call("DELETE", f"/peers/{agent.name}", force=1)
    assert [house.state(sent["id"]) for sent in (one, two)] == ["failed", "dead"]
    assert not [process for process in house.processes() if process.environ().get("PEER_PERSONALITY") == agent.name]


def test_verify_names_what_is_wrong(house: Root, new_peer: NewPeer) -> None:
    """A broken profile and a lost folder are found, with the path; the list shows the others all the same."""
    broken, lost, sound = new_peer(), new_peer(), new_peer()
    path = broken.folder / ".iapeer" / "peer-profile.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "runtimes": ["fake", "Not/a name"]}))
    shutil.rmtree(lost.folder)
    problems = {problem["personality"]: problem for problem in house.call("GET", "/verify")["problems"]}
    assert problems[broken.name]["level"] == "error"
    assert "runtimes.1" in problems[broken.name]["message"]
    assert problems[lost.name]["path"] == str(lost.folder)
    assert sound.name not in problems
    listed = {peer["personality"]: peer for peer in house.call("GET", "/peers")["peers"]}
    assert "runtimes.1" in listed[broken.name]["problem"]
    with pytest.raises(Failed, match=r"runtimes\.1"):
        house.send(broken.name, "hello")
    with pytest.raises(Failed, match=str(lost.folder)):
        house.call("POST", f"/peers/{lost.name}/start", {})


def test_what_is_no_request_is_refused(house: Root, new_peer: NewPeer) -> None:
    """No route, broken JSON, unknown or missing fields, wrong types and a huge body: an error in the one form."""
    name = new_peer().name
    last = house.events()[-1]["seq"]
    cases: list[tuple[str, str, object, int, str]] = [
        ("GET", "/nothing", None, 2, "/nothing"),
        ("POST", "/status", {}, 2, "/status"),
        ("POST", "/send", b'{"to": ', 2, "body"),
        ("POST", "/send", b"[1]", 2, "body"),
        ("POST", "/send", b"\xff\xfe", 2, "body"),
        ("POST", "/send", {"to": name}, 2, "body"),
        ("POST", "/send", {"to": name, "body": "x", "boby": "y"}, 2, "boby"),
        ("POST", "/send", {"to": name, "body": 7}, 2, "body"),
        ("POST", "/send", {"to": name, "body": "x", "timeout_s": -1}, 2, "timeout_s"),
        ("POST", "/send", {"to": name, "body": "x" * (1 << 20)}, 3, "1048576"),
        ("POST", f"/peers/{name}/answer", {}, 2, "key or text"),
        ("POST", f"/peers/{name}/answer", {"key": "Enter", "text": "x"}, 2, "key or text"),
        ("POST", "/peers", {"dir": "relative/path", "runtime": "fake"}, 2, "relative/path"),
        ("POST", "/peers", {"runtime": "fake"}, 2, "dir"),
        ("GET", "/events?after=x", None, 2, "after"),
        ("GET", f"/peers/{name}/wait?state=dreaming", None, 2, "dreaming"),
        ("GET", "/sessions/nope", None, 3, "nope"),
        ("GET", "/messages/nope", None, 3, "nope"),
        ("GET", "/runtimes/nope", None, 3, "nope"),
    ]
    for method, path, body, code, word in cases:
        status, answer = ask(house, method, path, body)
        assert status >= 400, path
        assert set(answer) == {"error"}
        error = answer["error"]
        assert set(error) == {"code", "message", "exit"}
        assert error["exit"] == code, (path, error)
        assert word in error["message"], (path, error)
        assert "\n" not in error["message"], (path, error)
    assert house.events()[-1]["seq"] == last
