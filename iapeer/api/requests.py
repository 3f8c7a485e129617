"""Requests as typed models, and reading them: one that does not fit is refused with the field's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from iapeer.api.fields import means
from iapeer.model.errors import Usage
from iapeer.model.names import PERSONALITY, RUNTIME

R = TypeVar("R", bound="Request")
Q = TypeVar("Q", bound="Query")

PEER = f"^{PERSONALITY.pattern}$"
Seconds = Annotated[float, Field(ge=0, le=7 * 24 * 3600)]
Until = Literal["delivered", "done", "reply"]
PeerName = Annotated[str, means("a peer's name", pattern=PEER)]
RuntimeName = Annotated[str, means("an agent program's name", pattern=f"^{RUNTIME.pattern}$")]
Folder = Annotated[str, means("an absolute path", pattern=r"^/[^\x00]*$")]
_SHOWN = 40  # characters of what was given


class Request(BaseModel):
    """A body: no unknown fields, and no type that is bent into another."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @classmethod
    def unknown_field(cls, given: object) -> str | None:
        """Find a field that the request does not have. Pydantic makes an error for each of them: that takes seconds."""
        return unknown_key(cls, given)


class Target(Request):
    """Which runtime of the peer is meant."""

    runtime: RuntimeName | None = Field(default=None, description="by default the default one, or the only live one")


class Query(BaseModel):
    """A query string: unknown names are ignored, a repeated one that is known is refused."""

    model_config = ConfigDict(extra="ignore")


class NoQuery(Query):
    """Nothing is asked."""


class OfRuntime(Query):
    """Which runtime of a peer is meant."""

    runtime: RuntimeName | None = Field(default=None, description="by default the default one, or the only live one")


def parse(model: type[R], body: bytes) -> R:
    """Read the request in `body`; Usage naming the field that does not fit."""
    try:
        given = from_json(body or b"{}")
    except ValueError as error:
        raise Usage(f"The request's field body: Invalid JSON: {error}.", code="bad-request") from error
    if (unknown := model.unknown_field(given)) is not None:
        raise Usage(f"The request's field {unknown}: there is no such field.", code="bad-request")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _unfit("field", error) from error


def unknown_key(model: type[BaseModel], given: object) -> str | None:
    """Find the first key that is no field of the model; None when there is none, or `given` is no object."""
    keys = given if isinstance(given, dict) else ()
    return next((str(key)[:_SHOWN] for key in keys if key not in model.model_fields), None)


def parse_query(model: type[Q], given: Sequence[tuple[str, str]]) -> Q:
    """Read a query, in which an empty value is none; Usage naming the parameter that does not fit."""
    names = [name for name, _ in given if name in model.model_fields]
    for name in names:
        if names.count(name) > 1:
            raise Usage(f"The request's parameter {name} is given more than once: give it once.", code="bad-request")
    try:
        return model.model_validate({name: value for name, value in given if value != ""})
    except ValidationError as error:
        raise _unfit("parameter", error) from error


# What is said of a limit, by pydantic's name for it.
_LIMITS = {
    "too_long": "there are {actual_length} of them, and {max_length} is the limit",
    "too_short": "it is empty",
    "string_too_long": "it is longer than {max_length} characters, the limit",
    "less_than_equal": "it is more than {le}, the limit",
    "less_than": "it is too large, {lt} and more are no such number",
    "greater_than_equal": "it is less than {ge}, the least",
}


def _unfit(what: str, error: ValidationError) -> Usage:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"]) or "body"
    given = f", not {str(first['input'])[:_SHOWN]!r}" if first["type"] == "literal_error" else ""
    limit = _LIMITS.get(first["type"])
    message = limit.format(**first["ctx"]) if limit else first["msg"].removeprefix("Value error, ")
    return Usage(f"The request's {what} {name}: {message}{given}.", code="bad-request")
