"""Texts made fit to be shown: control characters as their codes, numbers as words. Imports are few: `send` pays."""

from __future__ import annotations


class _Shown:
    """For str.translate: control characters, and what turns the direction of writing, become their code."""

    def __init__(self, kept: str = "") -> None:
        self._kept = kept

    def __getitem__(self, code: int) -> str:
        harmless = not (code < 32 or 0x7F <= code < 0xA0 or 0x202A <= code < 0x202F or 0x2066 <= code < 0x206A)
        if (harmless and not 0xD800 <= code < 0xE000) or chr(code) in self._kept:
            raise LookupError
        return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


_ONE_LINE, _LINES = _Shown(), _Shown("\n\t")


def visible(text: str) -> str:
    """Show `text` on one line, with every control character as its code."""
    return text if text.isprintable() else text.translate(_ONE_LINE)


def visible_lines(text: str) -> str:
    """Show `text` with every control character as its code, but for line ends and tabs."""
    return text.replace("\r\n", "\n").translate(_LINES)


def ordinal(number: int) -> str:
    """Write 1st, 2nd, 3rd, 4th, 11th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
