"""Version numbers and ranges of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer.model.versions import Version, VersionRange, overlapping, version_of


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("2.1.332", (2, 1, 332)),
        ("v2.1", (2, 1)),
        ("2.1.0", (2, 1)),
        ("0", (0,)),
        ("0.171.0-alpha.3", (0, 171)),
        (" 3 (Agent)", (3,)),
        ("", None),
        ("nightly", None),
        ("nightly-3.1", None),
        ("2..1", None),
        ("2.1.", None),
        ("²", None),
        ("9" * 5000, None),
        (None, None),
    ],
)
def test_a_number_is_read_or_it_is_none(text: str | None, version: Version | None) -> None:
    """At the beginning of the text; 2.1 and 2.1.0 are one version."""
    assert version_of(text) == version


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">=2.1.197 <=2.1.332", ["2.1.197", "2.1.200", "2.1.332"], ["2.1.196", "2.1.333", "2.1.332.1", "3", "nightly"]),
        (">=2.1.224", ["2.1.224", "2.1.1000", "9"], ["2.1.223", "2.1.99"]),
        ("<2.1.224", ["0.1", "2.1.223.9"], ["2.1.224", "2.2"]),
        (">1 <2", ["1.0.1", "1.99"], ["1", "1.0.0", "2.0"]),
        ("=2.1.197", ["2.1.197", "2.1.197.0"], ["2.1.196", "2.1.198", "2.1.197.1"]),
        (">1 >=1 <2 <=2", ["1.1", "1.9"], ["1", "2"]),
        (">=1 >=3 <9 <=4", ["3", "4"], ["2", "5"]),
    ],
)
def test_a_range_holds_what_its_words_say(text: str, inside: list[str], outside: list[str]) -> None:
    """All of its comparators hold; what tells no number is in none."""
    made = VersionRange.parse(text)
    assert [made.contains(version_of(version)) for version in inside] == [True] * len(inside)
    assert [made.contains(version_of(version)) for version in outside] == [False] * len(outside)
    assert str(VersionRange.parse(f"  {text.replace(' ', '   ')} ")) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2.1.197", 'write "=2.1.197" for this version alone, or a range as ">=2.1.197 <=2.1.332"'),
        ("", '"" is no range of versions'),
        (">= 2.1", "is no range of versions"),
        ("^2.1", "is no range of versions"),
        (">=2.1,<3", "is no range of versions"),
        (">=2.1 3.0", "is no range of versions"),
        (">=2.x", "is no range of versions"),
        (">=" + "9" * 5000, "is no range of versions"),
        (">=2 <2", 'no version is in ">=2 <2"'),
        (">3 <=2", 'no version is in ">3 <=2"'),
    ],
)
def test_what_is_no_range_is_refused_with_what_to_write(text: str, says: str) -> None:
    """A bare version says how it is written; a range that nothing is in is a mistake."""
    with pytest.raises(ValueError, match=r"\S") as wrong:
        VersionRange.parse(text)
    assert says in str(wrong.value)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (">=1 <=2", ">=2 <=3", True),
        (">=1 <2", ">=2 <=3", False),
        (">=1 <=2", ">2 <=3", False),
        ("<2", ">=2", False),
        ("<=2", ">=2", True),
        (">=1", ">=9", True),
        ("=1.5", ">=1 <=2", True),
        ("=1.5", "=1.5.0", True),
        ("=1.5", "=1.6", False),
    ],
)
def test_overlapping_is_seen_from_both_sides(one: str, other: str, overlap: bool) -> None:
    """By what can be in both."""
    ranges = [VersionRange.parse(text) for text in ("=0", one, other)]
    if one.startswith("<"):  # holds the first, too
        del ranges[0]
    last = len(ranges) - 1
    assert ranges[last - 1].overlaps(ranges[last]) == ranges[last].overlaps(ranges[last - 1]) == overlap
    assert overlapping(ranges) == ((last - 1, last) if overlap else None)


_NUMBERS = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
_WORDS = st.tuples(st.sampled_from([">=", "<=", ">", "<", "="]), _NUMBERS).map("".join)


@given(st.lists(_WORDS, min_size=1, max_size=3), st.lists(_WORDS, min_size=1, max_size=3), _NUMBERS)
def test_a_version_in_two_ranges_makes_them_overlap(one: list[str], other: list[str], number: str) -> None:
    """And it is below, in or above each of them, just one of the three."""
    version = version_of(number)
    assert version is not None
    try:
        ranges = [VersionRange.parse(" ".join(words)) for words in (one, other)]
    except ValueError:
        return
    for made in ranges:
        assert [made.below(version), made.contains(version), made.above(version)].count(True) == 1
    if all(made.contains(version) for made in ranges):
        assert ranges[0].overlaps(ranges[1])
