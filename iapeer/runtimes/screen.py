"""Reading an agent's screen: what is in the composer, is it busy, is a dialog up. Rules come from the adapter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from iapeer.runtimes.adapter import Adapter, Dialog

_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
_OTHER_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|.)|[\x0e\x0f]")


@dataclass(frozen=True, slots=True)
class View:
    """One look at a screen. `composer` is what a person or we typed there; None: no composer is shown."""

    text: str
    composer: str | None
    busy: bool
    dialog: bool
    blocked: str | None
    tells_rest: bool = True
    dismiss: str | None = None  # the key that closes what blocks it, and chooses nothing

    @property
    def at_rest(self) -> bool:
        """Whether this shows an agent that is not at work; never where the program's screen cannot tell."""
        return self.tells_rest and self.composer is not None and not self.busy and not self.dialog

    def tail(self, limit: int = 160) -> str:
        """The last written lines, for a person: no escapes, one line, at most `limit` characters."""
        lines = [" ".join(line.split()) for line in self.text.splitlines() if line.strip(" ─│╭╮╰╯\xa0")]
        return " / ".join(lines[-6:])[-limit:]


def read_screen(adapter: Adapter, captured: str) -> View:
    """What `captured` (a screen with its escapes) shows."""
    text, dim = plain(captured)
    rules = adapter.screen
    composer = _last(rules.composer, text)
    # What a dialog shows comes after the composer it pushed away: the same lines above one are mere output.
    below = text[composer.end("text") :] if composer else text
    blocked = next((rule for rule in rules.blocked if rule.match.search(below)), None)
    return View(
        text=text,
        composer=_typed(adapter, composer, dim) if composer else None,
        busy=any(rule.search(text) for rule in rules.busy),
        dialog=any(rule.search(below) for rule in rules.dialog),
        blocked=blocked.reason if blocked else None,
        tells_rest=rules.shows_rest,
        dismiss=blocked.dismiss if blocked else None,
    )


def start_dialog(adapter: Adapter, text: str) -> Dialog | None:
    """The start-up dialog on this screen, if all cues of one are there."""
    return next((dialog for dialog in adapter.dialogs if all(cue.search(text) for cue in dialog.cues)), None)


def next_key(dialog: Dialog, text: str) -> str | None:
    """The one key to press now: that of the step whose position is seen. None: the pointer is nowhere known."""
    return next((step.key for step in dialog.steps if step.at.search(text)), None)


def plain(captured: str) -> tuple[str, bytearray]:
    """The text without escapes, and for each of its characters whether it is dim (1) or not (0)."""
    if "\x1b" not in captured:
        return captured, bytearray(len(captured))
    parts: list[str] = []
    dim = bytearray()
    cursors: list[int] = []  # single reversed cells: a cursor that the program draws itself
    faint, reversed_, at = False, False, 0
    for sgr in _SGR.finditer(captured):
        begin = len(dim)
        _add(parts, dim, captured[at : sgr.start()], faint)
        if reversed_ and len(dim) == begin + 1:
            cursors.append(begin)
        codes = list(_attributes(sgr[1]))
        faint, reversed_ = _after(codes, "2", "22", faint), _after(codes, "7", "27", reversed_)
        at = sgr.end()
    _add(parts, dim, captured[at:], faint)
    text = "".join(parts)
    for cell in cursors:  # on a hint's first letter: the cell is not dim, what follows is
        if dim[cell + 1 : cell + 2] == b"\1" and text[cell + 1] != "\n":
            dim[cell] = 1
    return text, dim


def _add(parts: list[str], dim: bytearray, piece: str, faint: bool) -> None:
    piece = _OTHER_ESCAPE.sub("", piece)
    parts.append(piece)
    dim.extend((b"\1" if faint else b"\0") * len(piece))


def _attributes(codes: str) -> Iterator[str]:
    """The attribute codes of an SGR sequence, without the numbers that belong to a colour."""
    numbers = iter((codes or "0").split(";"))
    for code in numbers:
        if code in {"38", "48"}:
            for _ in range(1 if next(numbers, "") == "5" else 3):
                next(numbers, "")
        else:
            yield code


def _after(codes: list[str], on: str, off: str, now: bool) -> bool:
    """Whether an attribute that `on` sets and `off` ends holds after these codes."""
    for code in codes:
        now = code == on or (now and code not in {"", "0", off})
    return now


def _last(rule: re.Pattern[str], text: str) -> re.Match[str] | None:
    return max(rule.finditer(text), key=lambda found: found.start(), default=None)


def _typed(adapter: Adapter, composer: re.Match[str], dim: bytearray) -> str:
    """What stands in the composer, hints left out."""
    start, end = composer.span("text")
    typed = composer["text"]
    if adapter.screen.ghost_dim:
        lit = zip(typed, dim[start:end], strict=True)  # a row's end is no hint, whatever its last character was
        typed = "".join(char for char, faint in lit if not faint or char == "\n")
    typed = "\n".join(line.strip(" \xa0") for line in typed.splitlines()).strip()
    return "" if any(ghost.fullmatch(typed) for ghost in adapter.screen.ghost_text) else typed
