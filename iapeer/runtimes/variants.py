"""The `[[versions]]` of an adapter file: what differs for a range of versions, laid over what stands outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Path: TypeAlias = tuple[str | int, ...]

# What is asked of an adapter before its program's version is known, or says what the versions are.
FOR_ALL = frozenset[Path]({
    ("name",), ("title",), ("checked",), ("intelligence",), ("versions",), ("check",), ("binary", "names"),
    ("binary", "version"), ("binary", "version_args"),
})  # fmt: skip


def with_wholes(model: type[BaseModel], data: object) -> object:
    """The data of an adapter, each of its `versions` with the whole adapter that holds for that range.

    ValidationError when what stands outside is wrong by itself, so that it is not told as an error inside; or when a
    field stands inside that holds for all versions.
    """
    if not isinstance(data, dict) or not isinstance(data.get("versions"), list) or not data["versions"]:
        return data
    outside = {key: value for key, value in data.items() if key != "versions"}
    model.model_validate(outside)
    wholes = [_whole(outside, part, number) for number, part in enumerate(data["versions"])]
    return {**outside, "versions": wholes}


def wrong_at(where: Path, sentence: str) -> ValidationError:
    """An error of a field inside, as the fields' own errors are."""
    kind = PydanticCustomError("versions", "{sentence}", {"sentence": sentence})
    return ValidationError.from_exception_data("Adapter", [InitErrorDetails(type=kind, loc=where, input=None)])


def _whole(outside: dict[str, Any], part: object, number: int) -> object:
    if not isinstance(part, dict):
        return part
    inside = {key: value for key, value in part.items() if key != "range"}
    fields = list(_fields(inside))
    for path in fields:
        if path[:1] in FOR_ALL or path[:2] in FOR_ALL:
            raise wrong_at(("versions", number, *path), "it holds for all versions: write it outside of [[versions]]")
    differs = [".".join(map(str, path)) for path in fields]
    ranged = {"range": part["range"]} if "range" in part else {}
    return {**ranged, "differs": differs, "adapter": _over(outside, inside)}


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`below` with what stands in `above`, key by key; a list or a single value takes the whole one's place."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _fields(table: dict[str, Any], above: Path = ()) -> Iterator[Path]:
    """Where each value of the table stands."""
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from _fields(value, (*above, key))
        else:
            yield (*above, key)
