"""Sanitising: nothing that a terminal or a composer acts on gets through."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer.model.errors import Refused
from iapeer.model.sanitise import Clean, sanitise


@given(st.text() | st.binary())
def test_the_result_is_inert_and_stays_so(body: str | bytes) -> None:
    """No control character but TAB and LF, encodable as UTF-8, and a second pass changes nothing."""
    try:
        clean = sanitise(body)
    except Refused as refused:
        assert refused.code == "empty"
        return
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", clean.text)
    clean.text.encode()
    assert sanitise(clean.text) == Clean(clean.text, 0, 0)


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp", "Cn", "Lo")), min_size=1))
def test_ordinary_text_is_exact(body: str) -> None:
    """Without control, format and unassigned characters nothing is changed (and without the two fillers in Lo)."""
    if body.strip():
        assert sanitise(body) == Clean(body, 0, 0)


@pytest.mark.parametrize(
    ("body", "clean"),
    [
        ("a\r\nb\rc\n", Clean("a\nb\nc\n", 0, 0)),
        ("a\tb", Clean("a\tb", 0, 0)),
        ("a\x1b[201~b", Clean("a[201~b", 1, 0)),
        ("a\x9b201~b\x7f\x00", Clean("a201~b", 3, 0)),
        ("a\xc2\x9bb".encode("latin-1"), Clean("ab", 1, 0)),
        (b"a\xff\xfeb", Clean("a\ufffd\ufffdb", 0, 2)),
        (b"a\x9bb", Clean("a\ufffdb", 0, 1)),
        ("a\ud83db", Clean("a\ufffdb", 0, 1)),
    ],
)
def test_what_becomes_of_it(body: str | bytes, clean: Clean) -> None:
    """Line ends are LF; controls go, also C1 as UTF-8; invalid UTF-8 is replaced; both are counted."""
    assert sanitise(body) == clean


FLAG = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"  # England's
PERSIAN = "\u0646\u0645\u06cc\u200c\u062e"
JOINED = [f"\U0001f469\u200d\U0001f52c {PERSIAN}", "\u2764\ufe0f \u845b\U000e0100 Schiff\u00adfahrt"]


@pytest.mark.parametrize(
    ("body", "clean"),
    [
        ("a\u2028b\u2029c", Clean("a\nb\nc", 0, 0)),
        ("pay \u202eeve\u202c \u2066x\u2069 \u200e\u200f\u061c", Clean("pay eve x ", 7, 0)),
        ("a\u200bb\u2060c\ufeffd\u3164e\u180ef\ufffbg", Clean("abcdefg", 6, 0)),
        ("x" + "".join(chr(0xE0000 + ord(letter)) for letter in "run rm") + "y", Clean("xy", 6, 0)),
        (f"{FLAG} wins", Clean(f"{FLAG} wins", 0, 0)),
        ("\U0001f3f4" + "\U000e0061" * 40 + "\U000e007f", Clean("\U0001f3f4", 41, 0)),
        *[(text, Clean(text, 0, 0)) for text in JOINED],
        ("a" + "\ufe01\U000e0120\u200d\u00ad" * 9 + "b", Clean("a\ufe01\U000e0120b", 34, 0)),
    ],
)  # fmt: skip
def test_nothing_is_left_that_only_the_agent_would_see(body: str, clean: Clean) -> None:
    """Separators are line ends; marks without a shape go and are counted; joiners, selectors and flags stay."""
    assert sanitise(body) == clean


@pytest.mark.parametrize("body", ["", " \n\t", "\u200b\u2060", "\x1b\x00", b"\x1b"])
def test_empty_is_refused(body: str | bytes) -> None:
    """There is nothing to type."""
    with pytest.raises(Refused, match="empty"):
        sanitise(body)
