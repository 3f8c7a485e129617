"""One line of `key=value` pairs."""

from __future__ import annotations

from typing import Any


def logfmt(fields: dict[str, Any]) -> str:
    """`k=v k="two words"`; what is None is left out."""
    return " ".join(f"{name}={_logfmt_value(value)}" for name, value in fields.items() if value is not None)


def _logfmt_value(value: object) -> str:
    import json

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    plain = text and not any(letter in text for letter in ' "=\n')
    return text if plain else json.dumps(text, ensure_ascii=False)
