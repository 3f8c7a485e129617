"""Cutting a text into pastes: nothing is lost, nothing of ours is folded, no paste holds a picture's path whole."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer.runtimes.adapter import Pieces
from iapeer.runtimes.load import read_adapter
from iapeer.runtimes.typing import pastes, pieces, units
from tests.harness import REPO

CLAUDE = read_adapter(REPO / "adapters" / "claude.toml").typing
CODEX = read_adapter(REPO / "adapters" / "codex.toml").typing
PARTS = ["a", "\n", "\n\n\n", "word " * 40, "🙂" * 30, "👩\u200d👩\u200d👧", "e\u0301", "/tmp/shot.PNG", " "]
TEXTS = st.text(alphabet=st.characters(exclude_characters="\r")) | st.lists(st.sampled_from(PARTS)).map("".join)


@given(TEXTS, st.integers(1, 4), st.integers(10, 100))
def test_pieces_join_to_the_text_and_stay_within_bounds(text: str, line_ends: int, characters: int) -> None:
    """In UTF-16 units, as programs of JavaScript count; longer only where there is no place to cut."""
    made = pieces(Pieces(line_ends=line_ends, characters=characters), text)
    assert "".join(made) == text
    assert all(piece and piece.count("\n") <= line_ends for piece in made)
    if "/" not in text and not any(unicodedata.category(letter) in {"Mn", "Mc", "Me", "Cf", "Sk"} for letter in text):
        assert all(units(piece) <= characters for piece in made) or any(letter in text for letter in "!/#@\\")


@given(st.text(alphabet="!/#@\\a\n", max_size=200), st.integers(10, 20))
def test_no_piece_begins_with_a_command(text: str, characters: int) -> None:
    """Older Claude Codes go into shell mode where a paste begins with "!", whatever stands before it."""
    made = pieces(Pieces(line_ends=2, characters=characters), "<iap>" + text)
    assert "".join(made) == "<iap>" + text
    assert not [piece for piece in made if piece[0] in "!/#@\\"]


def test_a_cut_leaves_letters_whole() -> None:
    """Neither an accent nor the rest of a family begins a piece."""
    family = "👩\u200d👩\u200d👧"
    made = pieces(Pieces(line_ends=2, characters=12), family * 4 + "e\u0301" * 9)
    assert [piece for piece in made if piece[0] in "\u200d\u0301" or piece[-1] == "\u200d"] == []


@given(TEXTS.filter(bool), TEXTS)
def test_pastes_join_to_what_is_typed(own: str, brought: str) -> None:
    """For a program that folds and for one that does not."""
    for rules in (CLAUDE, CODEX):
        made = pastes(rules, own, brought)
        assert "".join(made).replace("\r", "\n") == own + brought
        assert all(made)


def test_what_another_wrote_is_one_paste_and_ours_is_in_pieces() -> None:
    """Long or short: only the first is unfolded."""
    own, brought = "<iap>\nnote", "\n<message>" + "x\n" * 500 + "</iap>\n"
    assert pastes(CLAUDE, own, brought) == [own, brought]
    assert pastes(CODEX, own, brought) == [own + brought]
    assert len(pastes(CLAUDE, own + brought, "")) > 200


PICTURES = [
    "/tmp/shot.png",
    "  '/tmp/my shot.JPEG'  ",
    '"/tmp/a.webp"',
    "see /tmp/a.gif",
    "/tmp/a.png /tmp/b.png",
    "/tmp/a.png.png",
]


@pytest.mark.parametrize("line", PICTURES)
def test_no_piece_holds_a_line_that_is_a_picture(line: str) -> None:
    """The path goes over two of them."""
    own = f"one\n{line}\ntwo"
    made = pastes(CLAUDE, own, "")
    assert "".join(made) == own
    rows = [row.strip(" \"'").lower() for paste in made for part in paste.split(" /") for row in part.split("\n")]
    assert not [row for row in rows if row.endswith((".png", ".jpeg", ".webp", ".gif"))]


@pytest.mark.parametrize("line", PICTURES)
def test_what_another_wrote_is_not_cut_but_hidden(line: str) -> None:
    """It stays one paste, without a line of its own for the path."""
    brought = f"\none\n{line}\ntwo\n"
    assert pastes(CLAUDE, "note", brought) == ["note", brought.replace("\n", "\r")]
    assert pastes(CODEX, "note", brought) == ["note" + brought]


def test_a_picture_in_a_sentence_is_left_alone() -> None:
    """Each cut costs a paste."""
    text = "\n/tmp/a.png is the one, (/tmp/b.png) is not.\n"
    assert pastes(CLAUDE, text, text) == [text, text]
