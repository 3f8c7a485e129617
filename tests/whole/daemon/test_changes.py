"""Changing a peer: fields of its profile, its runtimes, its folder; and the mark for a fresh session."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iapeer.model.errors import Failed, PeerError, Refused, Usage
from tests.harness import Agent, Root, throw_away_root
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import adapter_copy, ask_as, fresh_name, token_of


def _path(agent: Agent) -> Path:
    return agent.folder / ".iapeer" / "peer-profile.json"


def _profile(agent: Agent) -> dict[str, Any]:
    return dict(json.loads(_path(agent).read_text()))


def _set(house: Root, agent: Agent, **fields: Any) -> dict[str, Any]:
    return house.call("PATCH", f"/peers/{agent.name}", {"fields": fields})


def test_fields_are_changed_and_reset(house: Root, new_peer: NewPeer) -> None:
    """On disk and in what is shown, what is another now is told; null is the default again; nothing else moves."""
    agent = new_peer()
    _path(agent).write_text(json.dumps({**_profile(agent), "theirs": {"kept": [1]}, "interfaces": "also"}))
    before = _profile(agent)
    changed = _set(house, agent, description="writes parsers", idle_secs=60, model="big", permissions="bypass")
    assert changed["changed"] == ["description", "idle_secs", "model", "permissions"]
    assert changed["peer"]["description"] == "writes parsers"
    assert changed["note"] is None
    new = {"description": "writes parsers", "idle_secs": 60, "model": "big", "permissions": "bypass"}
    assert _profile(agent) == {**before, **new}
    assert _set(house, agent, idle_secs=60)["changed"] == []
    assert _set(house, agent, idle_secs=None, model=None)["changed"] == ["idle_secs", "model"]
    assert _profile(agent) == {**before, "description": "writes parsers", "permissions": "bypass"}
    shown = house.call("GET", f"/peers/{agent.name}")["profile"]
    assert (shown["idle_secs"], shown["model"]) == (3600, None)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"descripton": "x"}, "description"),
        ({"personality": "other"}, "keeps its name"),
        ({"runtimes": ["fake"]}, "runtime-add"),
        ({"default_runtime": "claude"}, "has no runtime 'claude': it has fake"),
        ({"default_runtime": None}, "default_runtime"),
        ({"default_runtime": 3}, "default_runtime"),
        ({"description": ""}, "never emptied"),
        ({"description": None}, "never emptied"),
        ({"description": 5}, "description"),
        ({"description": ["a"]}, "description"),
        ({"description": "x" * 451}, "451"),
        ({"initial_prompt": 5}, "initial_prompt"),
        ({"initial_prompt": "x" * 100_000}, "initial_prompt"),
        ({"idle_secs": "60"}, "idle_secs"),
        ({"idle_secs": 0}, "idle_secs"),
        ({"idle_secs": True}, "idle_secs"),
        ({"intelligence": "clever"}, "intelligence"),
        ({"resume": "never"}, "resume"),
        ({"permissions": "all"}, "permission"),
        ({"wake_policy": "sometimes"}, "wake policy"),
        ({"wake_policy": "mailbox"}, "not built"),
        ({"unarmed_secs": 0}, "unarmed_secs"),
        ({"wake_policy": ["warm"]}, "wake policy"),
        ({"model": 5}, "model"),
        ({"good": 1, "description": "fine"}, "good"),
        ({}, "fields"),
    ],
)
def test_a_change_that_makes_no_profile_is_refused(house: Root, fields: dict[str, Any], said: str) -> None:
    """In one sentence that names the field or the way; the file stays as it is, to the byte."""
    agent = Agent(house, "unchanging")
    if not _path(agent).exists():
        house.peer("unchanging")
        _set(house, agent, description="stays")
    before = _path(agent).read_bytes()
    with pytest.raises((Refused, Usage), match=said) as refused:
        house.call("PATCH", f"/peers/{agent.name}", {"fields": fields})
    assert "\n" not in str(refused.value)
    assert _path(agent).read_bytes() == before


def test_a_broken_profile_is_not_written_over(house: Root, new_peer: NewPeer) -> None:
    """The error names the file; mended, it can be changed again."""
    agent = new_peer()
    whole = _path(agent).read_text()
    _path(agent).write_text(whole[:-10])
    with pytest.raises(Failed, match=str(_path(agent))):
        _set(house, agent, model="big")
    assert _path(agent).read_text() == whole[:-10]
    _path(agent).write_text(whole)
    assert _set(house, agent, model="big")["changed"] == ["model"]


def test_a_live_peer_is_told_when_it_counts(house: Root, new_peer: NewPeer) -> None:
    """Its next session takes the change on; without a change there is nothing to say."""
    agent = new_peer()
    house.send(agent.name, "hello", wait="done")
    assert "next session" in _set(house, agent, model="big")["note"]
    assert _set(house, agent, model="big")["note"] is None
    assert _set(house, agent, idle_secs=7200, unarmed_secs=60, timeout_secs=5)["note"] is None  # they count at once
    assert "next session" in _set(house, agent, idle_secs=3600, model="small")["note"]


def test_peers_are_changed_by_the_operator_only(house: Root, new_peer: NewPeer, tmp_path: Path) -> None:
    """An agent's token does not do, also not for itself."""
    agent = new_peer()
    house.send(agent.name, "hello", wait="done")
    token, before = token_of(agent), _path(agent).read_bytes()
    calls: list[Callable[[], Any]] = [
        lambda: ask_as(house, token, f"/peers/{agent.name}/runtimes", {"runtime": "claude"}),
        lambda: ask_as(house, token, f"/peers/{agent.name}/move", {"dir": str(tmp_path)}),
        lambda: ask_as(house, token, f"/peers/{agent.name}", {"fields": {"permissions": "bypass"}}, "PATCH"),
    ]
    for call in calls:
        with pytest.raises(PeerError) as refused:
            call()
        assert refused.value.code == "operator-only"
    assert _path(agent).read_bytes() == before


def test_a_runtime_is_added_last(house: Root, new_peer: NewPeer) -> None:
    """The default stays; again changes nothing; one that is not known is refused with those that are."""
    agent = new_peer()
    adapter_copy(house, "fakeb", binary="no-such-program")
    added = house.call("POST", f"/peers/{agent.name}/runtimes", {"runtime": "fakeb"})
    assert [entry["runtime"] for entry in added["peer"]["runtimes"]] == ["fake", "fakeb"]
    assert added["peer"]["default_runtime"] == "fake"
    assert "no-such-program" in added["warning"]
    before = _path(agent).read_bytes()
    house.call("POST", f"/peers/{agent.name}/runtimes", {"runtime": "fakeb"})
    with pytest.raises((Refused, Usage), match="fake"):
        house.call("POST", f"/peers/{agent.name}/runtimes", {"runtime": "fakd"})
    assert _path(agent).read_bytes() == before
    adapter_copy(house, "fakeb")
    assert _set(house, agent, default_runtime="fakeb")["peer"]["default_runtime"] == "fakeb"


def test_a_peer_moves_with_its_folder(house: Root, new_peer: NewPeer) -> None:
    """Asleep only; its profile and history go along, and its next session lives in the new folder."""
    agent = new_peer()
    house.send(agent.name, "hello", wait="done")
    new = house.base / fresh_name()
    with pytest.raises(Refused) as refused:
        house.call("POST", f"/peers/{agent.name}/move", {"dir": str(house.base)})
    assert refused.value.code == "live"
    house.send(agent.name, "@@EXIT 0@@", wait="done")
    house.call("GET", f"/peers/{agent.name}/wait", state="asleep", timeout_s=10)
    shutil.move(agent.folder, new)
    moved = house.call("POST", f"/peers/{agent.name}/move", {"dir": str(new)})
    assert (moved["peer"]["cwd"], moved["warning"]) == (str(new), None)
    assert house.call("GET", f"/peers/{agent.name}/inbox")["rows"][0]["preview"] == "hello"
    assert house.send(agent.name, "here?", wait="done")["outcome"] == "delivered"
    assert Path(f"/proc/{agent.pid}/cwd").resolve() == new.resolve()
    told = house.events("peer_moved", peer=agent.name)[-1]
    assert (told["from"], told["to"]) == (str(agent.folder), str(new))


def test_a_profile_goes_where_its_peer_goes(house: Root, new_peer: NewPeer) -> None:
    """A new folder without one is given it, with fields that are not ours."""
    agent = new_peer()
    _path(agent).write_text(json.dumps({**_profile(agent), "theirs": [1], "description": "kept"}))
    new = house.base / fresh_name()
    new.mkdir()
    house.call("POST", f"/peers/{agent.name}/move", {"dir": str(new)})
    carried = json.loads((new / ".iapeer" / "peer-profile.json").read_text())
    assert (carried["personality"], carried["theirs"], carried["description"]) == (agent.name, [1], "kept")


def test_a_folder_is_one_peers(house: Root, new_peer: NewPeer, tmp_path: Path) -> None:
    """Another's folder is refused, with and without its profile, and nothing is written there; a missing one too."""
    agent, other = new_peer(), new_peer()
    before = _path(other).read_bytes()
    with pytest.raises(Refused, match=other.name):
        house.call("POST", f"/peers/{agent.name}/move", {"dir": str(other.folder)})
    _path(other).unlink()
    with pytest.raises(Refused, match=other.name):
        house.call("POST", f"/peers/{agent.name}/move", {"dir": str(other.folder)})
    assert not _path(other).exists()
    _path(other).write_bytes(before)
    for wrong in (str(tmp_path / "missing"), "relative", str(_path(other))):
        with pytest.raises((Refused, Usage)):
            house.call("POST", f"/peers/{agent.name}/move", {"dir": wrong})
    assert house.call("GET", f"/peers/{agent.name}")["peer"]["cwd"] == str(agent.folder)


def test_conversations_kept_by_folder_are_warned_of(house: Root) -> None:
    """An agent such as Claude Code cannot resume them elsewhere; a move to the same place loses nothing."""
    path = adapter_copy(house, "byfolder")
    path.write_text(path.read_text().replace("[launch]\n", "[launch]\nby_folder = true\n", 1))
    agent = Agent(house, fresh_name())
    house.call("POST", "/peers", {"dir": str(agent.folder), "runtime": "byfolder"})
    new = house.base / fresh_name()
    new.mkdir()
    assert "cannot be resumed" in house.call("POST", f"/peers/{agent.name}/move", {"dir": str(new)})["warning"]
    assert house.call("POST", f"/peers/{agent.name}/move", {"dir": str(new)})["warning"] is None
    house.call("DELETE", f"/peers/{agent.name}", force=1)
    path.unlink()


def test_the_mark_for_a_fresh_session() -> None:
    """Shown, once, also by the next daemon; and gone with the peer."""
    with throw_away_root() as root:
        root.start()
        alice = root.peer("alice")
        assert not root.runtime("alice")["refresh"]
        for _ in range(2):
            assert root.call("POST", "/peers/alice/refresh", {})["refresh"]
        assert root.runtime("alice")["refresh"]
        assert len(root.events("marked", peer="alice")) == 1
        root.kill()
        root.start()
        assert root.runtime("alice")["refresh"]
        root.call("DELETE", "/peers/alice", force=1)
        root.call("POST", "/peers", {"dir": str(alice.folder), "runtime": "fake"})
        assert not root.runtime("alice")["refresh"]


def test_topics_of_a_session_are_shown(house: Root, new_peer: NewPeer) -> None:
    """Those of the messages it took, the newest last; a new session has none."""
    agent = new_peer()
    for topic in ("one", "two", None, "one"):
        house.send(agent.name, "hello", wait="done", topic=topic)
    assert house.runtime(agent.name)["topics"] == ["two", "one"]
    house.call("POST", f"/peers/{agent.name}/new", {})
    assert house.runtime(agent.name)["topics"] == []
