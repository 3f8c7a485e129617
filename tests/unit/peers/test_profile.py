"""The profile: read with tolerance, refused in one sentence, written over what is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from iapeer.model.errors import Failed
from iapeer.peers.profile import MAX_DESCRIPTION, profile_path, read_profile, write_profile

SOUND: dict[str, Any] = {"personality": "ann", "default_runtime": "fake", "runtimes": ["fake"]}


def _write(folder: Path, data: object) -> Path:
    path = profile_path(folder)
    path.parent.mkdir(exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def _refusal(folder: Path) -> str:
    with pytest.raises(Failed) as failed:
        read_profile(folder)
    assert "\n" not in str(failed.value)
    assert str(profile_path(folder)) in str(failed.value)
    return str(failed.value)


def test_a_profile_needs_little(tmp_path: Path) -> None:
    """Name and default runtime are enough; everything else has its default."""
    _write(tmp_path, {"personality": "ann", "default_runtime": "fake"})
    profile = read_profile(tmp_path)
    assert (profile.runtimes, profile.intelligence, profile.wake_policy) == (["fake"], "artificial", "warm")
    assert (profile.permissions, profile.idle_secs, profile.model) == ("default", 3600, None)


@pytest.mark.parametrize(
    ("old", "field", "value"),
    [
        ({"personality": "ann", "runtime": "fake"}, "default_runtime", "fake"),
        ({"personality": "ann", "runtime": "old", "default_runtime": "fake"}, "default_runtime", "fake"),
        ({**SOUND, "human": True}, "intelligence", "natural"),
        ({**SOUND, "scripted": True}, "intelligence", "absent"),
        ({**SOUND, "human": False}, "intelligence", "artificial"),
        ({**SOUND, "human": True, "intelligence": "absent"}, "intelligence", "absent"),
    ],
)
def test_legacy_fields_are_understood(tmp_path: Path, old: dict[str, Any], field: str, value: str) -> None:
    """`runtime`, `human` and `scripted` mean what they meant; the new fields win over them."""
    _write(tmp_path, old)
    assert getattr(read_profile(tmp_path), field) == value


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"personality": 7}, "personality"),
        ({"personality": "Not A Name"}, "personality"),
        ({"personality": None}, "personality"),
        ({"default_runtime": "with-dash", "runtimes": ["with-dash"]}, "default_runtime"),
        ({"runtimes": "fake"}, "runtimes"),
        ({"runtimes": []}, "runtimes"),
        ({"runtimes": ["fake", "../../x"]}, "runtimes.1"),
        ({"runtimes": ["other"]}, "default_runtime"),
        ({"description": ["x"]}, "description"),
        ({"description": "x" * (MAX_DESCRIPTION + 1)}, "description"),
        ({"intelligence": "cunning"}, "intelligence"),
        ({"initial_prompt": 1}, "initial_prompt"),
        ({"wake_policy": True}, "wake_policy"),
        ({"resume": "never"}, "resume"),
        ({"permissions": "all"}, "permissions"),
        ({"model": 4}, "model"),
        ({"idle_secs": "60"}, "idle_secs"),
        ({"idle_secs": 0}, "idle_secs"),
        ({"idle_secs": 1.5}, "idle_secs"),
        ({"timeout_secs": -1}, "timeout_secs"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, change: dict[str, Any], field: str) -> None:
    """Each wrong type or value is refused in one sentence with the path and the field."""
    _write(tmp_path, {**SOUND, **change})
    assert field in _refusal(tmp_path)


def test_a_missing_name_is_named(tmp_path: Path) -> None:
    """Without a personality or a runtime there is no peer."""
    _write(tmp_path, {"default_runtime": "fake"})
    assert "personality" in _refusal(tmp_path)
    _write(tmp_path, {"personality": "ann"})
    assert "default_runtime" in _refusal(tmp_path)


def test_what_is_no_json_is_refused_with_its_line(tmp_path: Path) -> None:
    """Broken JSON names its line; no object, no UTF-8, no file and a folder in its place are refused too."""
    _write(tmp_path, '{\n  "personality": "ann",\n  oops\n}')
    assert "line 3" in _refusal(tmp_path)
    for text in ("[]", '"ann"', "null", ""):
        _write(tmp_path, text)
        _refusal(tmp_path)
    profile_path(tmp_path).write_bytes(b'{"personality": "\xff"}')
    assert "UTF-8" in _refusal(tmp_path)
    profile_path(tmp_path).unlink()
    _refusal(tmp_path)
    profile_path(tmp_path).mkdir()
    _refusal(tmp_path)


def test_writing_merges_over_the_file(tmp_path: Path) -> None:
    """Unknown fields and other owners' sections stay, verbatim and in order; only what changes changes."""
    theirs = {"zeta": {"deep": [1, {"ü": None}]}, **SOUND, "retry": 3, "description": "Old."}
    path = _write(tmp_path, theirs)
    write_profile(tmp_path, {"default_runtime": "claude", "runtimes": ["fake", "claude"]})
    now = json.loads(path.read_text())
    assert now == {**theirs, "default_runtime": "claude", "runtimes": ["fake", "claude"]}
    assert list(now)[: len(theirs)] == list(theirs)
    assert read_profile(tmp_path).model_extra == {"zeta": theirs["zeta"], "retry": 3}
    assert [entry.name for entry in path.parent.iterdir()] == ["peer-profile.json"]


def test_writing_never_empties_a_description(tmp_path: Path) -> None:
    """An empty description is no wish; another one is."""
    path = _write(tmp_path, {**SOUND, "description": "Reads code."})
    write_profile(tmp_path, {"description": ""})
    assert json.loads(path.read_text())["description"] == "Reads code."
    write_profile(tmp_path, {"description": "Writes code."})
    assert json.loads(path.read_text())["description"] == "Writes code."


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    """Broken JSON is never written over, and a `.iapeer` that is no folder is told."""
    path = _write(tmp_path, "{ broken")
    with pytest.raises(Failed, match="not valid JSON"):
        write_profile(tmp_path, SOUND)
    assert path.read_text() == "{ broken"
    other = tmp_path / "other"
    other.mkdir()
    (other / ".iapeer").write_text("")
    with pytest.raises(Failed, match=str(other / ".iapeer")):
        write_profile(other, SOUND)
