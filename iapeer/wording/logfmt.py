"""Logfmt, both ways: one line of `key=value` pairs, a value in quotes where it has to be."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PLAIN = re.compile(r"[^\s\"=\x00-\x1f\x7f]+")
_FIELD = re.compile(r'([A-Za-z_][\w.-]*)=("(?:[^"\\]|\\.)*"|\S*)')
_ESCAPED = re.compile(r"\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)


def write(fields: Mapping[str, object]) -> str:
    """Write `k=v k="two words"`; what is None is left out. Lists and objects are JSON."""
    return " ".join(f"{name}={_quoted(_text(value))}" for name, value in fields.items() if value is not None)


def read(line: str) -> dict[str, str]:
    """Read the fields of a line; what is no field is skipped."""
    return {name: _unquoted(value) for name, value in _FIELD.findall(line)}


def _text(value: object) -> str:
    import json  # late: help texts come past here

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.isprintable():
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + "".join(letter if letter.isprintable() else _code(letter) for letter in escaped) + '"'


def _code(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) <= 0xFFFF else f"\\U{ord(letter):08x}"


def _unquoted(value: str) -> str:
    return _ESCAPED.sub(_letter, value[1:-1]) if len(value) > 1 and value[0] == value[-1] == '"' else value


def _letter(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    if code is None:
        return "\n" if escape[3] == "n" else escape[3]
    return chr(int(code, 16)) if int(code, 16) <= 0x10FFFF else escape[0]
