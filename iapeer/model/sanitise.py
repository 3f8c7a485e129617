"""Sanitising: what may be typed into a terminal. A security boundary.

tmux passes control bytes through a bracketed paste, so a body holding ESC[201~ would end the paste and the rest would
be live keystrokes. Nothing that a terminal or a composer could act on survives here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from iapeer.model.errors import Refused

_LINE_ENDS = re.compile(r"\r\n?")
# C0 without TAB and LF, DEL, C1 (as code points: covers their UTF-8 form), and halves of surrogate pairs.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Clean:
    """A text that may be typed, and how many characters were taken out or replaced."""

    text: str
    removed: int
    replaced: int


def sanitise(body: str | bytes) -> Clean:
    """Make `body` inert: LF line ends, no control characters but TAB and LF, valid Unicode.

    Raises Refused when nothing but white space is left.
    """
    clean = cleaned(body)
    if not clean.text.strip():
        raise Refused("The message is empty: nothing in it can be typed.", code="empty")
    return clean


def cleaned(body: str | bytes) -> Clean:
    """The same of a text that may be empty."""
    text = body.decode("utf-8", "surrogateescape") if isinstance(body, bytes) else body
    text, replaced = _SURROGATE.subn("\ufffd", text)
    text = _LINE_ENDS.sub("\n", text)
    text, removed = _CONTROL.subn("", text)
    if "\x1b" in text:
        raise AssertionError("an escape survived sanitising")
    return Clean(text, removed, replaced)
