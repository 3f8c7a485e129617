"""Telling our own text in a composer from everybody else's."""

from __future__ import annotations

import unicodedata
from collections import Counter

from iapeer.model.envelope import decode
from iapeer.model.names import OPERATOR
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.screen import View

_TELLING = 6  # characters: a shorter tail of our text may be somebody else's by chance
_SHORT = 20  # no message is that short
_FOLDED = "\0"


def holds_ours(adapter: Adapter, view: View, wire: str) -> bool:
    """Whether the composer holds just what we pasted: its text, or its tail, with placeholders for what is folded."""
    held, folded = view.composer, adapter.typing.placeholder
    if not held:
        return False
    ours = squeezed(adapted(adapter, wire))
    text = "".join(held.split())
    *before, last = [squeezed(part) for part in (folded.sub(_FOLDED, text) if folded else text).split(_FOLDED)]
    if not before:
        return _is_tail(last, ours) or (not wire.isascii() and _is_blurred_tail(last, ours, _odd(wire)))
    if not ours.endswith(last) or not _telling(adapter, wire, before[0], last, ours):
        return False
    return _in_order(before, ours[: len(ours) - len(last)])


def _telling(adapter: Adapter, wire: str, head: str, last: str, ours: str) -> bool:
    """Whether the text around placeholders tells whose they are.

    Where just another's words are folded, ours stand before them; a text that is never folded keeps its end.
    """
    if adapter.typing.pieces is None:
        return ours.startswith(head) or len(head) >= _TELLING
    message = decode(wire)
    if message is None or message.sender == OPERATOR:
        return len(last) >= _TELLING
    return len(head) >= _TELLING


def adapted(adapter: Adapter, text: str) -> str:
    """Change `text` as the program is declared to change it."""
    for before, after in adapter.typing.transforms:
        text = text.replace(before, after)
    return text


def squeezed(text: str) -> str:
    """Reduce to what every terminal shows alike: letters, digits, punctuation and ASCII symbols, decomposed.

    White space is set as a composer likes, marks are merged or lost, and a symbol may be too new to have a width.
    """
    if text.isascii():
        return "".join(text.split())
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if _is_steady(letter))


def _is_steady(letter: str) -> bool:
    if letter.isascii():
        return letter.isprintable() and letter != " "
    return unicodedata.category(letter)[0] in "LNP"


def _odd(text: str) -> int:
    return sum(not letter.isascii() for letter in text)


def _is_tail(shown: str, ours: str) -> bool:
    """A short text, as a command, is ours only whole."""
    return len(shown) >= (_TELLING if len(ours) > _SHORT else len(ours)) and ours.endswith(shown)


def _is_blurred_tail(shown: str, ours: str, odd: int) -> bool:
    """Whether it is our tail but for a few cells: beside a character whose width the program counts otherwise than the
    terminal, cells are overwritten or left over. Measured: less than one for each odd character; the end is sound.
    """
    if len(shown) < 2 * _TELLING or shown[-_TELLING:] != ours[-_TELLING:]:
        return False
    screen, tail = Counter(shown), Counter(ours[-len(shown) :])
    return ((screen - tail) + (tail - screen)).total() <= min(odd, len(shown) // 12)


def _in_order(parts: list[str], text: str) -> bool:
    """Whether each of `parts` stands in `text`, behind the one before it."""
    at = 0
    for part in parts:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True
