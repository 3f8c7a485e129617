"""Files of settings that would break everybody: adapters, config.toml, a profile with thousands of runtimes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from iapeer.paths.settings import Settings, read_settings
from iapeer.peers.profile import MAX_RUNTIMES, Profile
from iapeer.peers.trust import Looked, Trust
from iapeer.runtimes.load import Catalogue
from iapeer.store import Store
from iapeer.testing.clock import ManualClock
from tests.harness import REPO, Root

NESTED, LONG = "a = " + "[" * 3000, "a = " + "1" * 5000  # more brackets and digits than Python reads
DEEP_JSON = '{"a": ' + "[" * 3000
HUGE = f"0x{'f' * 5000}"


@pytest.mark.parametrize("text", ["a =", NESTED, LONG], ids=["no-toml", "nested", "long"])
def test_an_adapter_breaks_its_own_runtime_alone(fleet: Root, text: str) -> None:
    """One that nobody uses, and one in place of a peer's own: it is named, and every command goes on."""
    fleet.peer("alice")
    folder = fleet.base / "root" / "config" / "adapters"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("unused", "fake"):
        (folder / f"{name}.toml").write_text(text)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.toml")).write_text(text)
    known = {one["name"]: one for one in fleet.call("GET", "/runtimes")["runtimes"]}
    assert set(known) >= {"unused", "fake", "claude", "codex"}
    assert all(name.isprintable() for name in known)
    assert str(folder / "unused.toml") in known["unused"]["warning"]
    assert known["unused"]["intelligence"] is None
    listed = fleet.cli("runtime", "list")
    assert (listed.returncode, str(folder / "unused.toml") in listed.stderr) == (0, True)
    shown = fleet.cli("runtime", "show", "unused")
    assert (shown.returncode, str(folder / "unused.toml") in shown.stderr) == (1, True)
    assert [one["personality"] for one in fleet.call("GET", "/peers")["peers"]] == ["alice"]
    assert any(str(folder / "fake.toml") in one["message"] for one in fleet.call("GET", "/verify")["problems"])
    assert fleet.send("alice", "hello", wait="done")["state"] == "done"


@pytest.mark.parametrize(
    ("text", "words"),
    [(NESTED, "is not used"), (LONG, "is not used"), (f"port = {HUGE}", "port must be a whole number above 0"),
     (f"reconcile_secs = {HUGE}", "reconcile_secs must be a whole number above 0")],
    ids=["nested", "long", "port", "secs"],
)  # fmt: skip
def test_a_bad_config_is_told_and_keeps_nobody_from_starting(tmp_path: Path, text: str, words: str) -> None:
    """What Python's own reader gives up on, and numbers that no clock and no memory knows."""
    (tmp_path / "config.toml").write_text(text)
    settings, problems = read_settings(tmp_path, {})
    assert settings == Settings()
    assert words in problems[0]
    assert len(problems[0]) < 400


def test_a_number_of_the_environment_is_bounded_as_well() -> None:
    """The twin of a setting."""
    settings, problems = read_settings(Path("/nowhere"), {"IAPEER_PORT": "1" * 5000})
    assert (settings, len(problems)) == (Settings(), 1)


def test_the_daemon_starts_with_such_a_config(root: Root) -> None:
    """The whole way: it serves, and `verify` tells it."""
    config = root.base / "root" / "config"
    config.mkdir(mode=0o700, parents=True, exist_ok=True)
    (config / "config.toml").write_text(NESTED)
    root.start()
    assert any("is not used" in one["message"] for one in root.call("GET", "/verify")["problems"])


def test_a_profile_of_thousands_of_runtimes_is_its_own_peers_problem(fleet: Root) -> None:
    """A clone's file: nothing is looked up for its words, others are listed and served."""
    for name in ("many", "deep", "good"):
        fleet.peer(name)
    folder = fleet.base
    names = ["fake", *(f"a{number}" for number in range(30_000))]
    fields = {"personality": "many", "default_runtime": "fake", "runtimes": names}
    (folder / "many" / ".iapeer" / "peer-profile.json").write_text(json.dumps(fields, separators=(",", ":")))
    (folder / "deep" / ".iapeer" / "peer-profile.json").write_text(DEEP_JSON)
    problems = {one["personality"]: one["problem"] for one in fleet.call("GET", "/peers")["peers"]}
    assert problems["good"] is None
    assert f"field runtimes: List should have at most {MAX_RUNTIMES} items" in problems["many"]
    assert "holds what no profile does" in problems["deep"]
    assert fleet.send("good", "hello", wait="done")["state"] == "done"


class _Counting(Catalogue):
    """One that counts how often the folder of adapters is read."""

    reads = 0

    def _files(self) -> dict[str, tuple[Path, str]]:
        self.reads += 1
        return super()._files()


def test_names_that_nobody_knows_cost_one_look(tmp_path: Path) -> None:
    """However many a fleet's profiles hold."""
    catalogue = _Counting(tmp_path, (REPO / "fixtures" / "fake.toml",))
    store = Store(tmp_path / "a.db", ManualClock())
    trust, looked = Trust(store, catalogue, {}), Looked()
    for peer in range(10):
        names = [f"a{peer}x{number}" for number in range(MAX_RUNTIMES)]
        written = Profile(personality=f"p{peer}", default_runtime=names[0], runtimes=names)
        bases = trust.proposal(tmp_path, written, looked).bases
        assert all(basis.problem is not None for basis in bases.values())
    assert catalogue.reads == 1
    store.close()
