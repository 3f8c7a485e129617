"""Texts made fit to be shown: control characters as their codes, numbers as words. Imports are few: `send` pays."""

from __future__ import annotations

from iapeer.model.errors import Usage


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
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def visible(text: str) -> str:
    """`text` on one line, with every control character shown as its code."""
    return text if text.isprintable() else text.translate(_ONE_LINE)


def visible_lines(text: str) -> str:
    """The same, but line ends and tabs stay."""
    return text.replace("\r\n", "\n").translate(_LINES)


def seconds(text: str) -> float:
    """A duration as people write it: `10`, `10s`, `1.5m`, `1h`, `2d`. Usage for anything else."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    whole, _, part = number.partition(".")
    if not (number.isascii() and whole.isdigit() and (part.isdigit() or number == whole) and len(number) < 12):
        raise Usage(f"'{visible(text)}' is not a duration: write 10, 10s, 5m, 1h or 2d.", code="bad-duration")
    return float(number) * _UNITS[unit]


def took(millis: float) -> str:
    """A length of time as people read it."""
    if millis < 1000:
        return f"{millis:.0f} ms"
    if millis < 60_000:
        return f"{millis / 1000:.1f} s"
    minutes = int(millis // 60_000)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
