"""The registry: folders become peers, one name each, and are forgotten without a trace."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iapeer.model.errors import Failed, PeerError, Refused, Usage
from iapeer.paths.layout import Layout, layout
from iapeer.peers.profile import profile_path, read_profile, write_profile
from iapeer.peers.registry import Registry
from iapeer.peers.verify import verify
from iapeer.runtimes.load import Catalogue
from iapeer.store import NewMessage, SessionRecord, Store
from iapeer.testing.clock import ManualClock
from tests.harness import REPO

FAKE = {"default_runtime": "fake"}


@pytest.fixture
def place(tmp_path: Path) -> Layout:
    return layout({"IAPEER_ROOT": str(tmp_path / "root")}).make()


@pytest.fixture
def store(place: Layout) -> Iterator[Store]:
    made = Store(place.database, ManualClock())
    yield made
    made.close()


@pytest.fixture
def registry(place: Layout, store: Store) -> Registry:
    catalogue = Catalogue(place.adapters, (REPO / "fixtures" / "fake.toml",))
    return Registry(store, place, catalogue, {"PATH": "/nonexistent", "IAPEER_FAKE_BIN": "/bin/sh"})


def _folder(base: Path, name: str) -> Path:
    folder = base / name
    folder.mkdir(parents=True)
    return folder


def test_init_makes_one_peer_of_a_folder(registry: Registry, tmp_path: Path) -> None:
    """The name comes from the folder; again, also through a link, it finds the same peer and writes nothing."""
    folder = _folder(tmp_path, "Über Reviewer_2")
    known, created = registry.init(folder, FAKE)
    assert (known.personality, created) == ("uber-reviewer-2", True)
    before = profile_path(folder).stat().st_mtime_ns
    link = tmp_path / "link"
    link.symlink_to(folder)
    for same in (folder, link):
        again, created = registry.init(same, {})
        assert (again.personality, created) == ("uber-reviewer-2", False)
    assert profile_path(folder).stat().st_mtime_ns == before
    assert registry.names() == ["uber-reviewer-2"]
    assert sorted(path.name for path in folder.iterdir()) == [".iapeer"]


def test_init_with_wishes_changes_an_existing_peer(registry: Registry, tmp_path: Path) -> None:
    """The profile takes the new fields and keeps the others; the name stays."""
    folder = _folder(tmp_path, "ann")
    registry.init(folder, {**FAKE, "description": "Reads."})
    known, created = registry.init(folder, {"model": "big"}, "ann")
    assert (known.personality, created) == ("ann", False)
    with pytest.raises(Refused, match="is the peer ann already"):
        registry.init(folder, {"model": "small"}, "another")
    profile = read_profile(folder)
    assert (profile.description, profile.model, profile.personality) == ("Reads.", "big", "ann")


def test_a_taken_name_names_both_folders(registry: Registry, tmp_path: Path) -> None:
    """Never a silent suffix: the refusal says where the other one is, and nothing is written."""
    one, two = _folder(tmp_path / "a", "ann"), _folder(tmp_path / "b", "Ann")
    registry.init(one, FAKE)
    with pytest.raises(Refused) as refused:
        registry.init(two, FAKE)
    assert refused.value.code == "name-taken"
    assert str(one) in str(refused.value)
    assert str(two) in str(refused.value)
    assert list(two.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "free"),
    [("2nd", "peer-2nd"), ("漢字", "peer"), ("---", "peer"), ("operator", "peer-operator"), ("a b/Ann", "ann-2"),
     ("x/" + "n" * 40, "n" * 30 + "-2"), ("a: b/9", "peer-9")],
)  # fmt: skip
def test_a_name_that_cannot_be_is_refused_with_the_command_that_works(
    registry: Registry, tmp_path: Path, name: str, free: str
) -> None:
    """Nothing is invented, and nothing written, until the person says so: with the words of the refusal."""
    for other in ("ann", "n" * 32):
        registry.init(_folder(tmp_path, other), FAKE)
    folder = _folder(tmp_path, name)
    with pytest.raises((Usage, Refused)) as refused:
        registry.init(folder, FAKE)
    assert list(folder.iterdir()) == []
    way = re.search(r"`iapeer init (.*) --name (.*) -r fake`\.$", str(refused.value))
    assert way is not None and way[2] == free
    assert registry.init(Path(*shlex.split(way[1])), FAKE, way[2])[0].personality == free


@pytest.mark.parametrize(
    "wish",
    [
        {"default_runtime": "nosuch"}, {"default_runtime": "no-such"}, {**FAKE, "description": "x" * 451},
        {**FAKE, "wake_policy": "never"}, {**FAKE, "wake_policy": "mailbox"}, {**FAKE, "permissions": "some"}, {},
    ],
)  # fmt: skip
def test_a_wish_that_cannot_be_is_refused(tmp_path: Path, store: Store, place: Layout, wish: dict[str, Any]) -> None:
    """Checked before anything is written; without any program on PATH a runtime must be named."""
    registry = Registry(store, place, Catalogue(place.adapters, (REPO / "fixtures" / "fake.toml",)), {"PATH": "/none"})
    folder = _folder(tmp_path, "ann")
    with pytest.raises((Usage, Refused)):
        registry.init(folder, wish)
    assert list(folder.iterdir()) == []
    assert registry.names() == []


def test_what_is_no_folder_is_refused(registry: Registry, tmp_path: Path) -> None:
    """Missing, a file, and one that cannot be written."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(Refused, match=str(path)):
            registry.init(path, FAKE)
    with pytest.raises(PeerError, match="/proc"):
        registry.init(Path("/proc/self"), FAKE, "ann")
    if os.getuid() != 0:
        locked = _folder(tmp_path, "locked")
        locked.chmod(0o500)
        with pytest.raises(Failed, match="cannot be written"):
            registry.init(locked, FAKE)
    assert registry.names() == []


def test_create_makes_a_folder_of_its_own(registry: Registry, place: Layout, tmp_path: Path) -> None:
    """Below the data folder or where asked; a folder with something in it is not taken, one that failed is not left."""
    known, created = registry.create("ann", None, FAKE)
    assert (known.folder, created) == (place.peers / "ann", True)
    known, _ = registry.create("bob", tmp_path / "deep" / "er", FAKE)
    assert known.folder == tmp_path / "deep" / "er"
    for folder in (None, tmp_path / "new"):
        with pytest.raises(Refused, match="a peer 'ann' already"):
            registry.create("ann", folder, FAKE)
    full = _folder(tmp_path, "full")
    (full / "file").write_text("")
    with pytest.raises(Refused, match="not empty"):
        registry.create("carl", full, FAKE)
    with pytest.raises(Refused):
        registry.create("dora", tmp_path / "dora", {"default_runtime": "nosuch"})
    assert not (tmp_path / "dora").exists()
    with pytest.raises(Failed, match="cannot be made"):
        registry.create("eve", full / "file" / "below", FAKE)
    assert registry.names() == ["ann", "bob"]


def test_a_copied_folder_is_a_peer_of_its_own(registry: Registry, tmp_path: Path) -> None:
    """A second worktree is named by its folder, and keeps the profile's other fields. A moved folder is no copy."""
    folder = _folder(tmp_path, "one")
    profile_path(folder).parent.mkdir()
    profile_path(folder).write_text(json.dumps({"personality": "ann", "runtime": "fake", "theirs": 1}))
    known, _ = registry.init(folder, {})
    assert known.personality == "ann"
    assert json.loads(profile_path(folder).read_text())["theirs"] == 1
    shutil.copytree(folder, tmp_path / "two")
    copy, created = registry.init(tmp_path / "two", {})
    assert (copy.personality, created) == ("two", True)
    assert json.loads(profile_path(tmp_path / "two").read_text())["theirs"] == 1
    folder.rename(tmp_path / "three")
    with pytest.raises(Refused, match=f"`iapeer move ann {tmp_path}/three`"):
        registry.init(tmp_path / "three", {})


def test_removing_forgets_everything_but_the_folder(
    registry: Registry, store: Store, place: Layout, tmp_path: Path
) -> None:
    """Sessions, intent and logs go, with those of no namesake; the messages that were not over are handed back."""
    for name in ("ann", "x-ann"):
        registry.init(_folder(tmp_path, name), FAKE)
        place.pane_log(f"fake-{name}").write_text("log")
        place.pane_log(f"fake-{name}").with_suffix(".log.1").write_text("log")
    store.sessions.open(
        SessionRecord(
            id="s1", identity="fake-ann", personality="ann", mode="fresh", cause="start", folder="/", started_ms=1,
        )
    )  # fmt: skip
    store.peers.set_stopped("ann", True)
    store.messages.accept(
        NewMessage(
            id="m1", sender="x-ann", sender_runtime="fake", sender_intelligence="artificial", to="ann",
            identity="fake-ann", body="hello",
        )
    )  # fmt: skip
    (died,) = registry.remove("ann")
    assert (died.message, died.state, died.sender) == ("m1", "dead", "x-ann")
    assert registry.names() == ["x-ann"]
    assert store.sessions.get("s1") is None
    assert sorted(path.name for path in (place.logs / "panes").iterdir()) == ["fake-x-ann.log", "fake-x-ann.log.1"]
    assert profile_path(tmp_path / "ann").exists()
    known, created = registry.init(tmp_path / "ann", {})
    assert (created, known.record.stopped, store.inbox.recent("ann")) == (True, False, [])


def test_an_unknown_name_names_the_nearest(registry: Registry, tmp_path: Path) -> None:
    """The refusal helps with the spelling."""
    registry.init(_folder(tmp_path, "reviewer"), FAKE)
    with pytest.raises(Refused, match="did you mean reviewer"):
        registry.get("reviewr")


def test_verify_finds_what_is_wrong(registry: Registry, tmp_path: Path) -> None:
    """A lost folder, a broken profile, another name, unknown and unbuilt policies, no program, broken settings."""
    folders = {
        name: _folder(tmp_path, name) for name in ("ok", "lost", "broken", "renamed", "odd", "later", "noprog", "env")
    }
    for folder in folders.values():
        registry.init(folder, FAKE)

    def change(name: str, **fields: Any) -> None:
        path = profile_path(folders[name])
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    shutil.rmtree(folders["lost"])
    profile_path(folders["broken"]).write_text("{")
    change("renamed", personality="other")
    change("odd", wake_policy="sometimes")
    change("later", wake_policy="mailbox")
    change("noprog", runtimes=["fake", "nosuch"])
    launch = folders["env"] / ".iapeer" / "runtimes" / "fake" / "launch.env"
    launch.parent.mkdir(parents=True)
    launch.write_text("what\n")
    errors_last = sorted(verify(registry, tmp_path / "root" / "config"), key=lambda problem: problem.level == "error")
    found = {problem.personality: problem for problem in errors_last}
    assert {name: problem.level for name, problem in found.items()} == {
        "lost": "error", "broken": "error", "renamed": "error", "odd": "warning", "later": "warning", "noprog": "error",
        "env": "error",
    }  # fmt: skip
    assert found["lost"].path == str(folders["lost"])
    assert "`iapeer move`" in found["lost"].message and "is gone: `iapeer move`" in str(registry.get("lost").problem)
    assert "line 1" in found["broken"].message
    assert "'other'" in found["renamed"].message
    assert "means warm" in found["odd"].message
    assert "nosuch" in found["noprog"].message
    assert "line 1" in found["env"].message


def test_a_first_word_too_many_is_refused_and_nothing_written(registry: Registry, tmp_path: Path) -> None:
    """When it is set, and `verify` names one that came into the file otherwise; the peer can still be shown."""
    folder = _folder(tmp_path, "ann")
    registry.init(folder, FAKE)
    before = profile_path(folder).read_text()
    for set_it in (lambda fields: registry.change("ann", fields), lambda fields: registry.init(folder, fields)):
        with pytest.raises(Refused, match=r"initial_prompt has 16,001 characters, 16,000 is the limit"):
            set_it({"initial_prompt": "x" * 16_001})
        assert profile_path(folder).read_text() == before
    registry.change("ann", {"initial_prompt": "x" * 16_000})
    assert verify(registry, tmp_path / "root" / "config") == []
    write_profile(folder, {"initial_prompt": "x" * 16_001})
    assert [problem.level for problem in verify(registry, tmp_path / "root" / "config")] == ["error"]
    assert len(registry.get("ann").sound().initial_prompt) == 16_000
