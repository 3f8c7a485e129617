"""Names: what is one, how a folder becomes one, and what to say about one nobody has."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer.model.errors import Refused, Usage
from iapeer.model.names import (
    PERSONALITY,
    RESERVED,
    check_personality,
    check_runtime,
    identity,
    nearest,
    normalise,
    split_identity,
    unknown,
)

FOLDERS = st.text(max_size=60) | st.text(alphabet="aZé-_ 9ßÆ½—日", max_size=60)


def _normalised(folder: str) -> str | None:
    try:
        return normalise(folder)
    except Usage:
        return None


@given(FOLDERS)
def test_normalising_gives_a_name_or_says_no(folder: str) -> None:
    """The result is always a valid name, and normalising it again changes nothing."""
    name = _normalised(folder)
    if name is not None:
        assert PERSONALITY.fullmatch(name)
        assert normalise(name) == name


@given(st.text(alphabet="abcXYZ019-_. ", max_size=60))
def test_normalising_invents_nothing(folder: str) -> None:
    """Every letter and digit of the name comes from the folder's name, in order, from its first one on."""
    name = _normalised(folder)
    if name is not None:
        letters = "".join(re.findall("[a-z0-9]", folder.lower()))
        assert letters.startswith(name.replace("-", ""))


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("Code Reviewer", "code-reviewer"),
        ("__my.project__", "my-project"),
        ("Über-Größe", "uber-grosse"),
        ("Ǿre", "ore"),
        ("my—project", "my-project"),
        ("foo日本bar", "foo-bar"),
        ("café", "cafe"),
        ("a" * 31 + "-b", "a" * 31),
    ],
)
def test_folder_names(folder: str, name: str) -> None:
    """Letters lose their marks, a run of anything else becomes one dash, and what is too long is cut."""
    assert normalise(folder) == name


@pytest.mark.parametrize("folder", ["", "日本", "2024-report", "...", "--", "½"])
def test_folder_names_that_give_none(folder: str) -> None:
    """Empty or beginning with a digit: an error that says to rename the folder, never an invented name."""
    with pytest.raises(Usage, match="rename the folder"):
        normalise(folder)


@pytest.mark.parametrize("name", ["operator", "all", "iapeer", "send", "demo"])
def test_reserved_names(name: str) -> None:
    """What has a meaning of its own can be no peer."""
    assert name in RESERVED
    with pytest.raises(Refused, match="reserved"):
        check_personality(name)


@pytest.mark.parametrize("name", ["", "A", "1a", "-a", "a_b", "a" * 33, "a\n", "é"])
def test_bad_names(name: str) -> None:
    """Outside the grammar is a usage error."""
    with pytest.raises(Usage):
        check_personality(name)


def test_a_runtime_has_no_dash() -> None:
    """Else an identity could not be split."""
    assert check_runtime("claude") == "claude"
    with pytest.raises(Usage):
        check_runtime("claude-code")


@given(st.from_regex(r"[a-z][a-z0-9]{0,31}", fullmatch=True), st.from_regex(PERSONALITY, fullmatch=True))
def test_identities_split_where_they_were_joined(runtime: str, personality: str) -> None:
    """The first dash separates, whatever the peer's own dashes."""
    assert split_identity(identity(runtime, personality)) == (runtime, personality)


@pytest.mark.parametrize("value", ["claude", "-a", "claude-", "Claude-a", "claude-a~2"])
def test_what_is_no_identity(value: str) -> None:
    """Replicas are outside of the grammar on purpose."""
    with pytest.raises(Usage):
        split_identity(value)


def test_the_nearest_names_are_offered() -> None:
    """Best first, at most three; else the known ones; else how to make one."""
    known = ["reviewer", "reviser", "builder", "rewriter", "review"]
    assert nearest("reviewr", known)[0] == "reviewer"
    assert len(nearest("review", known)) == 3
    assert "did you mean reviewer" in str(unknown("peer", "reviewr", ["reviewer", "zed"]))
    assert "known: reviewer, zed" in str(unknown("peer", "qqq", ["zed", "reviewer"]))
    assert "iapeer init" in str(unknown("peer", "x", []))
    assert unknown("runtime", "x", []).code == "unknown-runtime"
