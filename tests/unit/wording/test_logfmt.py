"""Logfmt, both ways."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from iapeer.wording import logfmt

VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=3)
FIELDS = st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_.-]{0,8}", fullmatch=True), VALUES, max_size=5)


def test_a_value_is_quoted_where_it_has_to_be() -> None:
    """What is None is left out; lists are JSON."""
    fields = {"ev": "wake", "why": "a b", "empty": "", "n": 1.5, "on": True, "gone": None, "files": ["x", "ä"]}
    assert logfmt.write(fields) == r'ev=wake why="a b" empty="" n=1.5 on=true files="[\"x\", \"ä\"]"'


@given(FIELDS)
def test_what_is_written_is_read(fields: dict[str, object]) -> None:
    """On one line, whatever the values hold."""
    line = logfmt.write(fields)
    texts = {name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
             for name, value in fields.items() if value is not None}  # fmt: skip
    assert line.isprintable() and logfmt.read(line) == texts


@given(st.text(alphabet=st.sampled_from('ab "\\=\n\x1bu0U'), max_size=30))
def test_any_line_can_be_read(line: str) -> None:
    """A torn or foreign one has the fields that it has."""
    logfmt.read(line)
