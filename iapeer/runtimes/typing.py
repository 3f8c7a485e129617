"""Cutting a text into the pastes that a program takes as they are meant. Rules come from the adapter."""

from __future__ import annotations

import re
import unicodedata

from iapeer.runtimes.adapter import Pieces, Typing

_LINE = re.compile(r"\n?[^\n]+|\n")
_COMMANDS = "!/#@\\"
_JOINED = {"Mn", "Me", "Mc", "Cf", "Sk"}  # what belongs to the character before it


def pastes(rules: Typing, own: str, brought: str) -> list[str]:
    """Cut what is typed for one message into pastes, in order; joined, with CR as a line end too, they are the text.

    `own` is what speaks for the operator or for iapeer, `brought` what another agent wrote (may be empty). A program
    that folds long pastes, and takes what is folded for somebody else's words, gets the first in pieces that it does
    not fold, and the second whole.
    """
    if rules.pieces is None:
        return [own + brought]
    parts = [part for piece in pieces(rules.pieces, own) for part in _cut(rules.pictures, piece)]
    return [*parts, _hidden(rules.pictures, brought)] if brought else parts


def pieces(rules: Pieces, text: str) -> list[str]:
    """Cut a text into pieces with at most so many line ends and characters each.

    None but the first begins with what a composer reacts to at the beginning of a paste: a line end goes with the line
    that it begins. Where that cannot be had (a thousand "!" in a row) a piece is longer.
    """
    made: list[str] = []
    piece, ends, size = "", 0, 0
    for line in _LINE.findall(text):
        for part in _short(line, rules.characters):
            if piece and (ends + part.count("\n") > rules.line_ends or size + units(part) > rules.characters):
                made.append(piece)
                piece, ends, size = "", 0, 0
            piece, ends, size = piece + part, ends + part.count("\n"), size + units(part)
    return [*made, piece] if piece else made


def _cut(pictures: re.Pattern[str] | None, text: str) -> list[str]:
    """Cut a piece within the path of each picture."""
    cuts = [match.start() + 1 for match in pictures.finditer(text)] if pictures else []
    return [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _hidden(pictures: re.Pattern[str] | None, text: str) -> str:
    """Hide the paths of pictures in a text that must not be cut: it is read as one line where its ends are CR."""
    return text.replace("\n", "\r") if pictures and pictures.search(text) else text


def units(text: str) -> int:
    """The length of a text in UTF-16 code units, in which programs of JavaScript count."""
    return len(text) + sum(letter > "\uffff" for letter in text)


def _short(line: str, most: int) -> list[str]:
    """Cut a line into parts of at most `most` units, or of as few more as it takes to cut where it may be cut."""
    parts: list[str] = []
    while units(line) > most:
        limit = next(at for at in range(min(most, len(line)), 0, -1) if units(line[:at]) <= most)
        places = (*range(limit, 1, -1), *range(limit + 1, len(line)))
        at = next((at for at in places if _may_cut(line, at)), len(line))
        parts.append(line[:at])
        line = line[at:]
    return [*parts, line] if line else parts


def _may_cut(line: str, at: int) -> bool:
    """Not within a character of several code points, nor before what would be a command at the beginning of a paste."""
    behind = line[at]
    return line[at - 1] != "\u200d" and behind not in _COMMANDS and unicodedata.category(behind) not in _JOINED
