"""Refuse text that is not UTF-8, which JSON cannot carry, by a sentence that names it. Loaded only then."""

from __future__ import annotations

from collections.abc import Iterator

from iapeer.model.errors import Usage
from iapeer.wording.text import visible

_WHAT = {  # by the API's field
    "dir": "The folder",
    "body": "The text",
    "to": "The peer name",
    "re": "The message id",
    "attachments": "The path",
    "args": "The argument",
    "text": "The text",
}
_WAY = {"dir": "rename it first", "attachments": "rename it first"}


def not_utf8(fields: object) -> Usage:
    """Make the refusal of the first text in `fields` (a request's body or query) that is not UTF-8."""
    name, text = next(_broken(fields, ""), ("", ""))
    what = _WHAT.get(name, f"The {name.replace('_', ' ')}" if name else "What was given")
    return Usage(f"{what} '{visible(text)}' is not UTF-8: {_WAY.get(name, 'write it in UTF-8')}.", code="encoding")


def is_utf8(text: str) -> bool:
    """Whether `text` came from bytes that are UTF-8."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _broken(value: object, name: str) -> Iterator[tuple[str, str]]:
    """Find (field, text) of each text that is not UTF-8; a key of an object counts as the field "field"."""
    if isinstance(value, str) and not is_utf8(value):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _broken(key, "field")
            yield from _broken(inner, key)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _broken(inner, name)
