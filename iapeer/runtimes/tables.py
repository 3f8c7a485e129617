"""What every table of an adapter file is made of: strict fields, patterns, ranges of versions."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from iapeer.model.versions import VersionRange


def _compile(value: object) -> re.Pattern[str]:
    if isinstance(value, re.Pattern):
        return value
    if not isinstance(value, str):
        raise ValueError("a regular expression is wanted, as a string")
    try:
        return re.compile(value, re.M)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error


def _range(value: object) -> VersionRange:
    if isinstance(value, VersionRange):
        return value
    if not isinstance(value, str):
        raise ValueError('a range of versions is wanted, as a string: ">=2.1.197 <=2.1.332", or "=2.1.197"')
    return VersionRange.parse(value)


def listed(value: object) -> object:
    if not isinstance(value, str | list):
        raise ValueError("a string is wanted, or a list of them")
    return [value] if isinstance(value, str) else value


Regex = Annotated[re.Pattern[str], BeforeValidator(_compile)]
Range = Annotated[VersionRange, BeforeValidator(_range)]

Pair = Annotated[list[str], Field(min_length=2, max_length=2)]


class Table(BaseModel):
    """A table of the file: no unknown keys, no silent conversions, never changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)
