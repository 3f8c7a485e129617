"""What may be asked, as typed models: a request that does not fit is refused with the field's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from iapeer.model.errors import Usage

M = TypeVar("M", bound=BaseModel)
Seconds = Annotated[float, Field(ge=0, le=7 * 24 * 3600)]
Millis = Annotated[int, Field(ge=0, lt=2**62)]
Until = Literal["delivered", "done", "reply"]


class Request(BaseModel):
    """No unknown fields."""

    model_config = ConfigDict(extra="forbid")


class NewPeer(Request):
    """POST /peers."""

    dir: str | None = None
    create: bool = False
    name: str | None = None
    runtime: str | None = None
    description: str | None = None
    wake_policy: str | None = None
    permissions: str | None = None
    model: str | None = None


class Target(Request):
    """POST /peers/NAME/start, stop, new, interrupt."""

    runtime: str | None = None


class Attach(Target):
    """POST /peers/NAME/attach."""

    read_only: bool = False


class Launch(Request):
    """POST /peers/NAME/launch."""

    runtime: str
    args: list[str] = []


class Answer(Target):
    """POST /peers/NAME/answer: a key's name, or a text."""

    key: str | None = None
    text: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Answer:
        if (self.key is None) == (self.text is None):
            raise ValueError("give either key or text")
        return self


class Message(Request):
    """One message of POST /send/batch. Times in milliseconds since 1970; `attachments` are absolute paths."""

    to: str
    body: str
    runtime: str | None = None
    topic: str | None = None
    re: str | None = None
    attachments: list[str] = []
    key: str | None = None
    urgent: bool = False
    at_ms: Millis | None = None
    expires_ms: Millis | None = None
    asks: bool = False


class Send(Message):
    """POST /send."""

    wait: Until | None = None
    timeout_s: Seconds | None = None


class Batch(Request):
    """POST /send/batch."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=1000)]


class Change(Request):
    """PATCH /peers/NAME: fields of the profile."""

    fields: Annotated[dict[str, JsonValue], Field(min_length=1)]


class Runtime(Request):
    """POST /peers/NAME/runtimes."""

    runtime: str


class Move(Request):
    """POST /peers/NAME/move."""

    dir: str


class Query(BaseModel):
    """A query string: unknown names are ignored, the last of a repeated name counts."""

    model_config = ConfigDict(extra="ignore")


class NoQuery(Query):
    """Nothing is asked."""


class OfRuntime(Query):
    """Which runtime of a peer is meant."""

    runtime: str | None = None


class Force(Query):
    """DELETE /peers/NAME."""

    force: bool = False


class WaitState(OfRuntime):
    """GET /peers/NAME/wait."""

    state: Literal["idle", "asleep", "live"]
    timeout_s: Seconds = 300.0


class WaitEnd(Query):
    """GET /sessions/ID."""

    wait_end_s: Seconds = 0.0


class WaitMessage(Query):
    """GET /messages/ID."""

    wait: Until | None = None
    timeout_s: Seconds | None = None


class Which(Query):
    """Which events: after a number, of a peer, of kinds with commas between."""

    after: Annotated[int, Field(ge=0, lt=2**62)] = 0
    peer: str | None = None
    kind: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds; none means all."""
        return tuple(kind for kind in self.kind.split(",") if kind)


class Page(Which):
    """GET /events."""

    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000


def parse(model: type[M], body: bytes) -> M:
    """The request in `body`; Usage naming the field that does not fit."""
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise _unfit("field", error) from error


def parse_query(model: type[M], given: Mapping[str, str]) -> M:
    """The query; an empty value is none. Usage naming the parameter that does not fit."""
    try:
        return model.model_validate({name: value for name, value in given.items() if value != ""})
    except ValidationError as error:
        raise _unfit("parameter", error) from error


def _unfit(what: str, error: ValidationError) -> Usage:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"]) or "body"
    given = f", not {str(first['input'])[:40]!r}" if first["type"] == "literal_error" else ""
    message = first["msg"].removeprefix("Value error, ")
    return Usage(f"The request's {what} {name}: {message}{given}.", code="bad-request")
