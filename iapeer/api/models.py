"""What may be asked, as typed models: a request that does not fit is refused with the field's name."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from iapeer.model.errors import Usage

M = TypeVar("M", bound=BaseModel)
Seconds = Annotated[float, Field(ge=0, le=7 * 24 * 3600)]


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


class Send(Request):
    """POST /send."""

    to: str
    body: str
    runtime: str | None = None
    topic: str | None = None
    re: str | None = None
    wait: Literal["delivered", "done"] | None = None
    timeout_s: Seconds | None = None


def parse(model: type[M], body: bytes) -> M:
    """The request in `body`; Usage naming the field that does not fit."""
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise Usage(
            f"The request's field {field}: {first['msg'].removeprefix('Value error, ')}.", code="bad-request"
        ) from error
