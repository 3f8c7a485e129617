"""Consent in the registry: what an older database adopts, and what differs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer.model.errors import PeerError, Refused
from iapeer.paths.layout import layout
from iapeer.peers.consent import Basis, Proposal, Terms, differences, effective
from iapeer.peers.launchenv import LaunchEnv
from iapeer.peers.profile import Profile, profile_path, write_profile
from iapeer.peers.registry import Registry
from iapeer.peers.verify import verify
from iapeer.runtimes.load import Catalogue
from iapeer.store import ADOPT, Store
from iapeer.testing.clock import ManualClock
from tests.harness import REPO

ANN = Profile(personality="ann", default_runtime="fake", runtimes=["fake"])
NONE = {"fake": Basis()}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "a.db", ManualClock())
    yield made
    made.close()


@pytest.fixture
def registry(tmp_path: Path, store: Store) -> Registry:
    place = layout({"IAPEER_ROOT": str(tmp_path / "root")}).make()
    catalogue = Catalogue(place.adapters, (REPO / "fixtures" / "fake.toml",))
    return Registry(store, place, catalogue, {"PATH": "/nonexistent", "IAPEER_FAKE_BIN": "/bin/sh"})


def _older(store: Store, folder: Path, **fields: object) -> Path:
    """A peer as a version without consent left it; its launch.env."""
    folder.mkdir()
    write_profile(folder, {**ANN.model_dump(exclude_unset=True), "personality": folder.name, **fields})
    store.peers.add(folder.name, str(folder))
    store.settings.put(ADOPT, "1")
    launch = folder / ".iapeer" / "runtimes" / "fake" / "launch.env"
    launch.parent.mkdir(parents=True)
    return launch


def test_peers_of_before_keep_what_they_have(registry: Registry, store: Store, tmp_path: Path) -> None:
    """All that is there is confirmed, with an event without values; once: what comes later is not."""
    launch = _older(store, tmp_path / "ann", permissions="bypass", initial_prompt="hello")
    launch.write_text("KEY=secret\nPEER_START_ARGS=--a\n")
    registry.adopt()
    ann = registry.get("ann")
    assert (ann.sound().permissions, ann.sound().initial_prompt) == ("bypass", "hello")
    assert ann.terms.launches == {"fake": LaunchEnv({"KEY": "secret"}, ("--a",))}
    assert registry.differences(ann) == []
    (event,) = store.events.page(kinds=("trusted",))
    assert event.data["cause"] == "adopted" and "fake: variable KEY" in str(event.data["what"])
    assert "secret" not in str(event.data)
    launch.write_text("KEY=other\n")
    registry.adopt()
    assert [each.text for each in registry.differences(registry.get("ann"))] == [
        "fake: PEER_START_ARGS: none (confirmed: --a)", "fake: variable KEY: changed"
    ]  # fmt: skip


def test_what_cannot_be_read_is_not_adopted(registry: Registry, store: Store, tmp_path: Path) -> None:
    """The rest of the peer is; one whose profile cannot be read is left to `trust`, which says so."""
    _older(store, tmp_path / "ann", permissions="bypass").write_text("no setting\n")
    _older(store, tmp_path / "bob")
    text = profile_path(tmp_path / "bob").read_text()
    profile_path(tmp_path / "bob").write_text("{")
    registry.adopt()
    assert registry.get("ann").terms.permissions == "bypass"
    profile_path(tmp_path / "bob").write_text(text)
    for name in ("ann", "bob"):
        with pytest.raises(PeerError, match=f"`iapeer trust {name}`"):
            registry.get(name).sound()
    registry.confirm("bob")
    assert registry.get("bob").sound().runtimes == ["fake"]


def test_a_removed_peers_consent_is_not_a_namesakes(registry: Registry, tmp_path: Path) -> None:
    """The folder stays with all that it says; the next peer of that name begins with nothing of it confirmed."""
    folder = tmp_path / "ann"
    folder.mkdir()
    registry.init(folder, {"default_runtime": "fake", "permissions": "bypass"})
    assert registry.get("ann").sound().permissions == "bypass"
    registry.remove("ann")
    known, _ = registry.init(folder, {})
    assert known.sound().permissions == "default"
    assert [each.what for each in registry.differences(known)] == ["permissions"]


def test_a_difference_says_whole_what_it_is() -> None:
    """On one line: an argument after many harmless ones, each variable's name, a prompt's end, and what hides."""
    prompt = "be kind \n" * 1000 + "\x1b[31m\u202e\ufe01\ud800 and obey"
    many = {f"A{number:02}": "v\n" for number in range(50)} | {"LD_PRELOAD": "secret"}
    launch = LaunchEnv(many, (*["--log=quiet"] * 100, "--yolo"))
    written = ANN.model_copy(update={"initial_prompt": prompt})
    said = [each.text for each in differences(Proposal(written, {"fake": launch}, NONE), Terms(), NONE)]
    assert all(text.isprintable() for text in said)
    (words,) = (text for text in said if text.startswith("initial_prompt"))
    assert words.count("be kind \\n") == 1000 and "\\u001b[31m\\u202e\\ufe01\\ud800 and obey" in words
    (args,) = (text for text in said if "PEER_START_ARGS" in text)
    assert "--log=quiet --yolo (confirmed: none)" in args
    assert "fake: variable LD_PRELOAD: new" in said and len([text for text in said if "variable" in text]) == 51


def test_what_is_too_long_to_be_shown_is_not_confirmed(registry: Registry, tmp_path: Path) -> None:
    """It is said instead of a part of it, and nothing is taken."""
    folder = tmp_path / "ann"
    folder.mkdir()
    registry.init(folder, {"default_runtime": "fake"})
    launch = folder / ".iapeer" / "runtimes" / "fake" / "launch.env"
    launch.parent.mkdir(parents=True)
    launch.write_text("".join(f"A{number}=1\n" for number in range(1000)))
    (difference,) = registry.differences(registry.get("ann"))
    assert difference.broken and "1,000 variables" in difference.detail
    with pytest.raises(Refused, match="too long"):
        registry.confirm("ann")
    assert registry.get("ann").terms.launches == {"fake": LaunchEnv()}


def test_what_counts_is_the_registrys_name_and_what_was_confirmed() -> None:
    """A default runtime that may not be run gives way to one that may; nothing else of the profile is touched."""
    terms = Terms(launches={"claude": LaunchEnv(), "fake": LaunchEnv()})
    said = {"personality": "bob", "runtimes": ["evil", "fake"], "default_runtime": "evil", "permissions": "bypass"}
    counts = effective(ANN.model_copy(update={**said, "description": "Reads."}), "ann", terms)
    assert (counts.personality, counts.runtimes, counts.default_runtime) == ("ann", ["fake"], "fake")
    assert (counts.permissions, counts.description) == ("default", "Reads.")


def test_what_was_adopted_unseen_is_warned_of_until_it_was_shown(
    registry: Registry, store: Store, tmp_path: Path
) -> None:
    """What is dangerous, by name; a peer with nothing of the kind is in order. Trust shows it as if it were new."""
    _older(store, tmp_path / "ann", permissions="bypass").write_text("KEY=secret\nPEER_START_ARGS=--a\n")
    _older(store, tmp_path / "bob", initial_prompt="hello")
    registry.adopt()
    (warning,) = verify(registry, tmp_path / "root" / "config")
    assert (warning.personality, warning.level) == ("ann", "warning")
    wanted = ["permissions: bypass", "fake: PEER_START_ARGS: --a", "fake: variable KEY: set"]
    assert ", ".join(wanted) in warning.message and "`iapeer trust ann`" in warning.message
    assert "secret" not in warning.message
    registry.confirm("ann", folder_only=True)
    assert verify(registry, tmp_path / "root" / "config") == [warning]
    _, taken = registry.confirm("ann")
    assert [each.text for each in taken] == wanted
    assert verify(registry, tmp_path / "root" / "config") == [] and registry.get("ann").sound().permissions == "bypass"


def test_an_adopted_adapter_in_a_bundled_ones_place_is_warned_of(
    registry: Registry, store: Store, tmp_path: Path
) -> None:
    """For it runs whatever it names, for every peer of the runtime."""
    own = tmp_path / "root" / "config" / "adapters" / "fake.toml"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text((REPO / "fixtures" / "fake.toml").read_text() + "# mine\n")
    _older(store, tmp_path / "ann")
    registry.adopt()
    (warning,) = verify(registry, tmp_path / "root" / "config")
    assert "adapter fake: one of yours is in the bundled one's place" in warning.message
    registry.confirm("ann")
    assert verify(registry, tmp_path / "root" / "config") == []
