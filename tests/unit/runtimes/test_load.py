"""Adapter files: bundled ones load, wrong ones are refused with path, line and field."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iapeer.model.errors import Failed, Refused
from iapeer.paths.layout import bundled
from iapeer.runtimes.load import Catalogue, read_adapter
from tests.harness import REPO

FAKE = REPO / "fixtures" / "fake.toml"
CHECKED = 'checked = ["=1.0.0"]'
BUNDLED = [*sorted(bundled("adapters").glob("*.toml")), FAKE]


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_every_bundled_adapter_loads(path: Path) -> None:
    """Each is named like its file, and says with which versions it was checked."""
    adapter = read_adapter(path)
    assert adapter.name == path.stem
    assert adapter.checked


def _changed(folder: Path, old: str, new: str) -> tuple[Path, int]:
    """The fake's file with one change, and the line of it."""
    text = FAKE.read_text()
    assert text.count(old) >= 1, old
    path = folder / "fake.toml"
    path.write_text(text.replace(old, new, 1))
    return path, text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "field", "word"),
    [
        ('title = "Fake Agent"', "title = 7", "title", "string"),
        ('name = "fake"', 'name = "Fake-1"', "name", "match"),
        (CHECKED, "checked = []", "checked", "at least 1"),
        (CHECKED, 'checked = ["1.0.0"]', "checked.0", 'write "=1.0.0" for this version alone, or a range as ">='),
        (CHECKED, 'checked = ["=1.0.0", 2]', "checked.1", "a range of versions is wanted, as a string"),
        (CHECKED, 'checked = [">=1 <=2", ">=2"]', "checked", '">=1 <=2" and ">=2" overlap'),
        ('conversation = "chosen"', 'conversation = "made-up"', "launch.conversation", "chosen"),
        ("foreground = '^[Pp]ython[0-9.]*$'", "foreground = '['", "binary.foreground", "not a regular expression"),
        ("foreground = '^[Pp]ython[0-9.]*$'", "foreground = 1", "binary.foreground", "as a string"),
        ('names = ["iapeer-fake-agent"]', "names = []", "binary.names", "at least 1"),
        ("gap_ms = 20", "gap_ms = -1", "typing.gap_ms", "greater"),
        ("gap_ms = 20", 'gap_ms = "20"', "typing.gap_ms", "integer"),
        ("placeholder = '", "placeholder = '^old form$|", "typing.placeholder", "write it without blanks"),
        ("max_submits = 4", "max_submits = 4\nmystery = 1", "typing.mystery", "not permitted"),
        ('interrupt = "Escape"', "", "keys.interrupt", "required"),
        ('reason = "login"', 'reason = "sulking"', "screen.blocked.1.reason", "permission"),
        ('name = "bypass-warning"', 'name = "bypass-warning"\nblocked = "login"', "dialogs.1", "either steps or"),
        ('only_with = "bypass"', 'only_with = "always"', "dialogs.1.only_with", "bypass"),
        ('time = "timestamp"', "time = 5", "transcript.time", "string"),
        ("[[check.homes]]", "[check.first_start]", "check.first_start", "write it as one of [[check.homes]]"),
        ('name = "own settings"', 'name = ""', "check.homes.1.name", "match"),
        ("shows = '", "shows = '[", "check.homes.1.shows", "not a regular expression"),
        ("'^[·✢✳✶✻✽*] ", "'(^[·✢✳✶✻✽*] ", "screen.busy.0", "not a regular expression"),
        ("(?P<text>[^", "(?P<words>[^", "", "group named text"),
    ],
)
def test_a_wrong_field_is_named_with_its_line(tmp_path: Path, old: str, new: str, field: str, word: str) -> None:
    """One sentence: path, line, field and what is wanted there."""
    path, line = _changed(tmp_path, old, new)
    with pytest.raises(Failed) as failed:
        read_adapter(path)
    said = str(failed.value)
    assert said.startswith(f"{path}, line ")
    assert "\n" not in said
    assert word in said
    assert f"field {field}" in said
    told = int(said.removeprefix(f"{path}, line ").partition(":")[0])
    if field == "keys.interrupt":
        line -= 1  # what is missing has no line: its table's
    if field == "screen.busy.0":
        line -= 2  # an array's item has its key's line
    if field == "typing.mystery":
        line += 1
    if field == "dialogs.1":
        line -= 1
    if field:
        assert told == line, said


def test_a_wrong_record_is_named_with_its_array(tmp_path: Path) -> None:
    """Inside an array of inline tables the path of the field says which; the line is the array's."""
    path, _ = _changed(tmp_path, '{ event = "turn-end", when', '{ event = "turned", when')
    with pytest.raises(Failed, match=r"line \d+: field transcript\.records\.5\.event"):
        read_adapter(path)


def test_what_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    """Syntax, encoding and a missing file."""
    path, line = _changed(tmp_path, "[typing]", "[typing")
    with pytest.raises(Failed, match=rf"{path} is not valid TOML: .*line {line}"):
        read_adapter(path)
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(Failed, match=f"{path} cannot be read"):
        read_adapter(path)
    with pytest.raises(Failed, match=r"gone\.toml cannot be read"):
        read_adapter(tmp_path / "gone.toml")


def test_the_users_folder_overrides_and_adds(tmp_path: Path) -> None:
    """A user's file of the same name wins, another one is added, and a change is taken up without a restart."""
    catalogue = Catalogue(tmp_path, (FAKE,))
    assert "fake" in catalogue.names()
    assert (catalogue.get("fake").origin, catalogue.get("fake").path) == ("bundled", FAKE)
    own, _ = _changed(tmp_path, 'title = "Fake Agent"', 'title = "Mine"')
    assert (catalogue.get("fake").origin, catalogue.get("fake").adapter.title) == ("user", "Mine")
    (tmp_path / "other.toml").write_text(FAKE.read_text().replace('name = "fake"', 'name = "other"', 1))
    assert {"fake", "other"} <= set(catalogue.names())
    assert catalogue.get("other").adapter is catalogue.get("other").adapter
    own.write_text(own.read_text().replace("Mine", "Yours"))
    os.utime(own, ns=(1, 1))
    assert catalogue.get("fake").adapter.title == "Yours"
    own.unlink()
    assert catalogue.get("fake").origin == "bundled"


def test_a_file_is_named_like_its_runtime(tmp_path: Path) -> None:
    """Otherwise two files could claim one name; an unknown name is refused with the nearest."""
    (tmp_path / "fakes.toml").write_text(FAKE.read_text())
    catalogue = Catalogue(tmp_path, (FAKE,))
    with pytest.raises(Failed, match="field name: is 'fake' but the file is named 'fakes'"):
        catalogue.get("fakes")
    with pytest.raises(Refused, match="did you mean fake"):
        catalogue.get("fakee")


# ---- [[versions]]

LAST = """
[[versions]]
range = ">=1 <2"

[versions.typing]
gap_ms = 77

[versions.live_state.reasons]
"a question" = "question"

[[versions]]
range = ">=3"

[[versions.dialogs]]
name = "other"
cues = ['one', 'two']
blocked = "question"

[versions.screen]
shows_rest = false
"""


def _with(folder: Path, more: str) -> Path:
    path = folder / "fake.toml"
    path.write_text(FAKE.read_text() + more)
    return path


def test_what_stands_in_a_range_holds_for_its_versions(tmp_path: Path) -> None:
    """Key by key and deep within tables; a list is replaced whole; all else is as it stands outside."""
    adapter = read_adapter(_with(tmp_path, LAST))
    plain = read_adapter(FAKE)
    first, third = adapter.for_version("1.5"), adapter.for_version("3.0.1-beta")
    assert (first.typing.gap_ms, third.typing.gap_ms) == (77, plain.typing.gap_ms)
    assert first.live_state is not None and first.live_state.reasons == {
        "permission prompt": "permission", "a question": "question",
    }  # fmt: skip
    assert [dialog.name for dialog in third.dialogs] == ["other"]
    assert first.dialogs == plain.dialogs
    assert (first.screen.shows_rest, third.screen.shows_rest) == (True, False)
    assert third.screen.composer == plain.screen.composer
    assert [one.differs for one in adapter.versions] == [
        ["typing.gap_ms", "live_state.reasons.a question"], ["dialogs", "screen.shows_rest"],
    ]  # fmt: skip


def test_where_no_range_holds_the_rest_does(tmp_path: Path) -> None:
    """Also for what tells no number; and the adapter of a version is one and the same."""
    adapter = read_adapter(_with(tmp_path, LAST))
    assert all(adapter.for_version(version) is adapter for version in ("2", "2.9", "0.1", "nightly", "", None))
    assert adapter.for_version("1.5") is adapter.for_version("1.9")
    assert adapter.for_version("1.5").for_version("3") is adapter.for_version("1.5")
    plain = read_adapter(FAKE)
    assert plain.for_version("1.0.0") is plain


@pytest.mark.parametrize(
    ("old", "new", "field", "word"),
    [
        ('range = ">=3"', 'range = ">=1.9"', "versions.1.range", '">=1.9" overlaps ">=1 <2"'),
        ('range = ">=3"', 'range = "3"', "versions.1.range", 'write "=3" for this version alone'),
        ('range = ">=3"', "range = 3", "versions.1.range", "as a string"),
        ('range = ">=3"', 'range = ">=3"\ntitle = "X"', "versions.1.title", "outside of [[versions]]"),
        ("[versions.screen]", "[versions.binary]\nversion = 'x'\n[versions.screen]", "versions.1.binary.version", "it"),
        ("[versions.screen]", "[versions.check]\nslow = 'x'\n[versions.screen]", "versions.1.check.slow", "outside of"),
        ("gap_ms = 77", "gap_ms = -7", "versions.0.typing.gap_ms", "greater"),
        ("gap_ms = 77", "gap_ms = 77\nmystery = 1", "versions.0.typing.mystery", "not permitted"),
        ('blocked = "question"', 'blocked = "sulking"', "versions.1.dialogs.0.blocked", "login"),
        ("shows_rest = false", "shows_rest = false\ncomposer = '['", "versions.1.screen.composer", "not a regular"),
        ("shows_rest = false", "composer = 'x'", "versions.1", "group named text"),
        ('range = ">=3"', "", "versions.1.range", "required"),
    ],
)
def test_a_wrong_field_of_a_range_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, field: str, word: str
) -> None:
    """Inside its [[versions]], by what comes of it laid over the rest."""
    path = _with(tmp_path, LAST.replace(old, new))
    with pytest.raises(Failed) as failed:
        read_adapter(path)
    lines = (FAKE.read_text() + LAST).splitlines()
    line = lines.index(old) + 1 + new.startswith(old + "\n") + new.endswith(old) * (new.count("\n") - 1)
    if field == "versions.1" or "required" in word:
        line = len(lines) - lines[::-1].index("[[versions]]")  # its own header's
    said = str(failed.value)
    assert said.startswith(f"{path}, line {line}: field {field}: "), said
    assert word in said


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [("max_submits = 4", "mystery = 4", "typing.mystery"), ("(?P<text>[^", "(?P<words>[^", "(file)")],
)
def test_what_is_wrong_outside_is_not_told_as_wrong_inside(tmp_path: Path, old: str, new: str, field: str) -> None:
    """Every range takes it over."""
    path = _with(tmp_path, LAST)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(Failed) as failed:
        read_adapter(path)
    assert f": field {field}: " in str(failed.value)
