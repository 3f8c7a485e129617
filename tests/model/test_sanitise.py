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


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs")), min_size=1))
def test_ordinary_text_is_exact(body: str) -> None:
    """Without control characters nothing is changed."""
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


@pytest.mark.parametrize("body", ["", " \n\t", "\x1b\x00", b"\x1b"])
def test_empty_is_refused(body: str | bytes) -> None:
    """There is nothing to type."""
    with pytest.raises(Refused, match="empty"):
        sanitise(body)
