"""The glossary in docs/architecture.md: in order, and each word lives where it says."""

from __future__ import annotations

import re
from pathlib import Path

REPO = Path(__file__).parents[2]


def _rows() -> list[tuple[str, str, str]]:
    table = (REPO / "docs" / "architecture.md").read_text().partition("\n## Words\n")[2]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return [(word, meaning, where) for word, meaning, where in rows[1:]]


def test_each_word_lives_where_the_glossary_says() -> None:
    """A module or a folder of the package."""
    assert len(_rows()) > 40
    for word, meaning, where in _rows():
        for place in re.findall(r"`([a-z_]+(?:/[a-z_]+)+)`", f"{meaning} {where}"):
            path = REPO / "iapeer" / place
            assert path.is_dir() or path.with_suffix(".py").is_file(), f"{word}: there is no {place}"
        assert re.search(r"`[a-z_]+(?:/[a-z_]+)+`", where), word


def test_words_are_in_order() -> None:
    """So that one is found."""
    words = [word for word, _, _ in _rows()]
    assert words == sorted(words)
