"""Sanitising: what may be typed into a terminal. A security boundary.

tmux passes control bytes through a bracketed paste, so a body holding ESC[201~ would end the paste and the rest would
be live keystrokes. Nothing that a terminal or a composer could act on survives here, and nothing that an agent would
read and a person who looks at the same text would not see: what turns the direction of writing, what has no shape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from iapeer.model.errors import Refused

_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029]")
# C0 without TAB and LF, DEL, C1 (as code points: covers their UTF-8 form).
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Zero width, direction marks, fillers, format controls and annotation marks. What carries meaning stays: joiners, soft
# hyphens, variation selectors, and the tags of a flag (England's: a black flag, letters, the end).
_UNSEEN = re.compile(
    "(?P<flag>\U0001f3f4[\U000e0061-\U000e007a]{2}[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,3}\U000e007f)"
    "|[\u061c\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)
# What joins, selects or hyphenates: two in a row occur (a flag's selector and joiner); more could spell the unseen.
_JOINING = "\u00ad\u034f\u115f\u1160\u180b-\u180d\u180f\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef"
_RUN = re.compile(f"([{_JOINING}]{{2}})[{_JOINING}]+")
_HIDDEN = re.compile(f"{_UNSEEN.pattern}|[{_JOINING}]")
# Halves of surrogate pairs.
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Clean:
    """A text that may be typed, and how many characters were taken out or replaced."""

    text: str
    removed: int
    replaced: int


def sanitise(body: str | bytes) -> Clean:
    """Make `body` inert: LF line ends, no control characters but TAB and LF, nothing unseen, valid Unicode.

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
    seen = _UNSEEN.sub(lambda match: match["flag"] or "", _CONTROL.sub("", text))
    seen = _RUN.sub(r"\1", seen)
    removed, text = len(text) - len(seen), seen
    if "\x1b" in text:
        raise AssertionError("an escape survived sanitising")
    return Clean(text, removed, replaced)


def one_line(text: str, most: int) -> str:
    """`text` as data that others read: on one line, at most so many characters, nothing that acts or hides in it."""
    line = " ".join(cleaned(text).text.split())
    return line if len(line) <= most else line[: most - 3] + "..."


def spelled(text: str) -> str:
    """`text` whole, on one line, with the code of every character that is not seen: for who has to judge it."""
    return "".join(_code(char) if not char.isprintable() or _HIDDEN.match(char) else char for char in text)


def _code(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
