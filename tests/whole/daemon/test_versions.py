"""What an adapter says for a range of versions, in a daemon: a session keeps to the version it was launched with."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from iapeer.model.errors import Failed
from tests.harness import REPO, Agent, Root, wait_for

RANGES = """
[[versions]]
range = ">=2"

[versions.launch]
args = ["--yolo"]

[versions.live_state]
idle = ["idle"]
"""


def _install(root: Root, version: str) -> None:
    """Another version of the agent at the same place; it behaves the same."""
    path = Path(root.env["IAPEER_FAKE_BIN"])
    told = f'[ "$1" = --version ] && echo "{version}" && exit' if version else '[ "$1" = --version ] && exit'
    fresh = path.with_suffix(".new")
    fresh.write_text(f'#!/bin/sh\n{told}\nexec "{sys.executable}" "{REPO}/fixtures/fake_agent.py" "$@"\n')
    fresh.chmod(0o755)
    fresh.rename(path)


def _adapter(root: Root, text: str) -> Path:
    path = root.base / "root" / "config" / "adapters" / "fake.toml"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def alice(root: Root) -> Agent:
    """A peer. Below version 2 its adapter has a wrong word for an agent at rest."""
    text = (REPO / "fixtures" / "fake.toml").read_text()
    assert 'idle = ["idle"]' in text
    _adapter(root, text.replace('idle = ["idle"]', 'idle = ["resting"]') + RANGES)
    _install(root, "2.0.0 (Fake Agent)")
    root.start()
    return root.peer("alice")


def _anew(root: Root) -> None:
    root.kill()
    root.start()


def test_a_session_keeps_to_the_version_it_was_launched_with(root: Root, alice: Agent) -> None:
    """Launched as its version wants, and found again so by a new daemon, whatever is installed by then."""
    first = root.send("alice", "one", wait="done")
    assert "--yolo" in psutil.Process(alice.pid).cmdline()
    _install(root, "1.0.0 (Fake Agent)")
    _anew(root)
    second = root.send("alice", "two", wait="done")
    assert second["session"] == first["session"]
    assert not root.events("degraded")
    (found,) = root.events("readopted")
    assert found["version"] == "2.0.0"


def test_the_next_session_goes_by_the_version_of_now(root: Root, alice: Agent) -> None:
    """An older one by what stands outside of the ranges: not its arguments, and its word for rest."""
    root.send("alice", "one", wait="done")
    _install(root, "1.0.0 (Fake Agent)")
    root.call("POST", "/peers/alice/new", {})
    assert "--yolo" not in psutil.Process(alice.pid).cmdline()
    wait_for(lambda: root.events("degraded"), "the word of another version to be noticed")
    assert [event["version"] for event in root.events("wake")] == ["2.0.0", "1.0.0"]


def test_whether_folders_matter_is_told_by_the_version_that_last_ran(root: Root) -> None:
    """A moved peer's conversation is lost where that version keeps them by folder, and only there."""
    ranges = '[[versions]]\nrange = "<2"\n[versions.launch]\nby_folder = true\n'
    _adapter(root, (REPO / "fixtures" / "fake.toml").read_text() + ranges)
    root.start()
    lost = {}
    for name, version in (("ann", "1.0.0"), ("bob", "2.0.0")):
        _install(root, f"{version} (Fake Agent)")
        root.peer(name)
        root.send(name, "hello", wait="done")
        root.call("POST", f"/peers/{name}/stop", {})
        (root.base / f"{name}-moved").mkdir()
        warning = root.call("POST", f"/peers/{name}/move", {"dir": str(root.base / f"{name}-moved")})["warning"]
        lost[name] = (warning, root.call("GET", f"/peers/{name}")["lost"])
    assert "keeps conversations by folder" in lost["ann"][0]
    assert "keeps conversations by folder" in lost["ann"][1]
    assert lost["bob"] == (None, None)


def test_an_unchecked_version_works_and_is_warned_of_once(root: Root, alice: Agent) -> None:
    """At its first launch in a daemon's life by an event; always in `verify`, `runtime list` and `runtime show`."""
    warning = (
        "Fake Agent 2.0.0 is newer than its adapter was checked with (=1.0.0): "
        "`iapeer runtime check fake` tells whether it holds."
    )
    root.peer("bob")
    for name in ("alice", "bob"):
        assert root.send(name, "one", wait="done")["state"] == "done"
    root.call("POST", "/peers/alice/new", {})
    (event,) = root.events("unchecked_version")
    assert (event["identity"], event["version"], event["warning"]) == ("fake-alice", "2.0.0", warning)
    assert [one["message"] for one in root.call("GET", "/verify")["problems"]] == [warning]
    assert f"iapeer: fake: {warning}\n" in root.cli("runtime", "list").stderr
    shown = root.cli("runtime", "show", "fake").stdout
    assert warning in shown
    assert "for versions  >=2 (applies here): launch.args, live_state.idle" in shown
    _anew(root)
    root.call("POST", "/peers/bob/new", {})
    assert len(root.events("unchecked_version")) == 2


def test_a_version_that_tells_no_number_goes_by_what_holds_for_all(root: Root) -> None:
    """And is warned of alike; nothing of a range is used."""
    _adapter(root, (REPO / "fixtures" / "fake.toml").read_text() + RANGES)
    _install(root, "")
    root.start()
    alice = root.peer("alice")
    assert root.send("alice", "one", wait="done")["state"] == "done"
    assert "--yolo" not in psutil.Process(alice.pid).cmdline()
    (event,) = root.events("unchecked_version")
    assert event["version"] is None
    assert "does not tell its version; its adapter was checked with =1.0.0" in event["warning"]


def test_a_users_adapter_of_the_old_form_says_how_to_write_it(root: Root) -> None:
    """With its path, line and field, when it is to be confirmed, and by `verify`; until then the old one counts."""
    text = (REPO / "fixtures" / "fake.toml").read_text()
    root.start()
    root.peer("alice")
    path = _adapter(root, text.replace('checked = ["=1.0.0"]', 'checked = ["1.0.0"]'))
    write = 'write "=1.0.0" for this version alone, or a range as ">=2.1.197 <=2.1.332"'
    says = f"{path}, line 6: field checked.0: {write}."
    with pytest.raises(Failed) as failed:
        root.call("POST", "/peers/alice/trust", {})
    assert says in str(failed.value)
    assert any(says in one["message"] for one in root.call("GET", "/verify")["problems"])
    root.call("POST", "/peers/alice/start", {})
    path.write_text(text)
    root.call("POST", "/peers/alice/trust", {})
    assert root.send("alice", "one", wait="done")["state"] == "done"
