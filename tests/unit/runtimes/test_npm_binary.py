"""Fetching an agent's program from npm: pinned, older, or what npm has today."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fixtures import npm_binary
from fixtures.npm_binary import CannotFetch, main, todays
from tests.unit.runtimes.conftest import OLDER, PINNED, Registry


def test_the_newest_is_fetched_once_by_npms_own_checksum(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into the same cache, under its own version; its path is all that is printed."""
    registry.says(tags={"latest": "1.1.0", "next": "2.0.0"}, integrity=registry.integrity)
    for _ in range(2):
        assert main(PINNED, OLDER, ["npm"]) == 0
        binary = Path(capsys.readouterr().out.strip())
        assert binary == tmp_path / "cache" / "heron-1.1.0" / "bin" / "heron"
        assert os.access(binary, os.X_OK)
    look = ["view @birds/heron dist-tags", "view @birds/heron@1.1.0-linux-x64 dist.integrity"]
    assert registry.asked() == [*look, "pack @birds/heron@1.1.0-linux-x64", *look]


def test_the_newest_that_is_pinned_is_the_pinned_one(registry: Registry) -> None:
    """With the checksum that was looked at when it was pinned."""
    registry.says(tags={"latest": "1.0.0"})
    assert todays(PINNED) is PINNED


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({}, "npm could not bring @birds/heron: npm error code E404."),
        ({"tags": "<html>"}, "npm answered something else than JSON for @birds/heron."),
        ({"tags": ["1.1.0"]}, "npm does not tell the newest version of @birds/heron."),
        ({"tags": {"latest": "../../1.1.0"}}, "npm does not tell the newest version of @birds/heron."),
        ({"tags": {"latest": "1.1.0"}, "integrity": "sha1-x"}, "does not tell the checksum of @birds/heron@1.1.0"),
        ({"tags": {"latest": "1.1.0"}, "integrity": "sha512-x"}, "package.tgz is not the package:"),
    ],
    ids=["unknown", "no JSON", "no tags", "no version", "an old checksum", "another archive"],
)
def test_what_npm_may_get_wrong_is_one_sentence(
    registry: Registry, capsys: pytest.CaptureFixture[str], answers: dict[str, object], says: str
) -> None:
    """Nothing is left that could pass for the program."""
    registry.says(**answers)
    assert main(PINNED, OLDER, ["npm"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("get_heron: ")
    assert says in err
    assert not (Path(os.environ["IAPEER_AGENT_CACHE"]) / "heron-1.1.0" / "bin").exists()


def test_older_is_another_version_and_no_question_to_npm(registry: Registry, tmp_path: Path) -> None:
    """Each is where its version says."""
    binary = tmp_path / "cache" / "heron-0.9.0" / "bin" / "heron"
    binary.parent.mkdir(parents=True)
    binary.touch(0o755)
    assert main(PINNED, OLDER, ["older"]) == 0
    assert not (registry.folder / "asked").exists()


@pytest.mark.parametrize("words", [["newest"], ["older", "npm"], ["--help"], [""]])
def test_anything_else_is_a_wrong_use(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and what there is."""
    assert main(PINNED, OLDER, words) == 2
    assert capsys.readouterr() == ("", "usage: get_heron.py [older|npm]\n")


def test_a_platform_without_a_package_is_named(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before npm is asked anything."""
    monkeypatch.setattr(npm_binary, "platform_name", lambda: "plan9-x64")
    with pytest.raises(CannotFetch, match="no package for plan9-x64"):
        todays(PINNED)
