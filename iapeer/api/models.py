"""What may be asked, as typed models: a request that does not fit is refused with the field's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator
from pydantic_core import from_json

from iapeer.mail.request import MAX_ATTACHMENTS, MAX_BATCH, MAX_BODY, MAX_TOPIC
from iapeer.model.errors import Usage
from iapeer.model.names import PERMISSION_MODES, PERSONALITY, RUNTIME
from iapeer.peers.profile import MAX_DESCRIPTION, POLICIES
from iapeer.peers.registry import CHANGEABLE

M = TypeVar("M", bound=BaseModel)


def says(description: str, **schema: JsonValue) -> Any:
    """What a field means, and what its values look like. Not checked here: whose field it is says it better."""
    return Field(description=description, json_schema_extra=schema or None)


_ONE_LINE = r"^[^\r\n\x00]*[^\s\x00][^\r\n\x00]*$"
_FIRST = Field(fail_fast=True)  # one wrong item is told, and no error is made for each of thousands
_PEER = f"^{PERSONALITY.pattern}$"
Seconds = Annotated[float, Field(ge=0, le=7 * 24 * 3600)]
Millis = Annotated[int, Field(ge=0, lt=2**62)]
Until = Literal["delivered", "done", "reply"]
PeerName = Annotated[str, says("a peer's name", pattern=_PEER)]
RuntimeName = Annotated[str, says("an agent program's name", pattern=f"^{RUNTIME.pattern}$")]
Folder = Annotated[str, says("an absolute path", pattern=r"^/[^\x00]*$")]
Policy = Annotated[str, says("a word", enum=list(POLICIES))]
Mode = Annotated[str, says("a word", enum=list(PERMISSION_MODES))]
Line = Annotated[str, says("one line", minLength=1, maxLength=MAX_TOPIC, pattern=_ONE_LINE)]


class Request(BaseModel):
    """No unknown fields, and no type that is bent into another."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NewPeer(Request):
    """POST /peers: `dir` is required unless `create` is true, then `name` is."""

    dir: Folder | None = Field(default=None, description="its folder; created: by default one of iapeer's own")
    create: bool = Field(default=False, description="make the folder")
    name: PeerName | None = Field(default=None, description="by default that of the folder")
    runtime: RuntimeName | None = Field(default=None, description="by default the first that is installed")
    description: str | None = Field(default=None, description="what it is for", max_length=MAX_DESCRIPTION)
    wake_policy: Policy | None = Field(default=None, description="warm by default")
    permissions: Mode | None = Field(default=None, description="whether its agent asks before it acts")
    model: str | None = Field(default=None, description="its agent's model")
    trust: bool = Field(default=False, description="confirm all that its folder says already")


class Target(Request):
    """Which runtime of the peer is meant."""

    runtime: RuntimeName | None = Field(default=None, description="by default the default one, or the only live one")


class OwnSession(Request):
    """POST /self."""

    verb: Literal["done", "fresh"] = Field(description="done: a worker's task is; fresh: a fresh session is wanted")


class Attach(Target):
    """POST /peers/NAME/attach."""

    read_only: bool = Field(default=False, description="look, and press no keys")


class Launch(Request):
    """POST /peers/NAME/launch."""

    runtime: RuntimeName
    args: list[str] = Field(default=[], fail_fast=True, description="more arguments for the agent program")


class Answer(Target):
    """POST /peers/NAME/answer: a key's name, or a text."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"properties": {one: {"type": "string"}}, "required": [one]} for one in ("key", "text")]
        }
    )

    key: str | None = Field(default=None, description="a key's name as tmux knows it")
    text: str | None = Field(default=None, description="a text, typed without Enter")

    @model_validator(mode="after")
    def _one(self) -> Answer:
        if (self.key is None) == (self.text is None):
            raise ValueError("give either key or text")
        return self


class Message(Request):
    """One message of POST /send/batch."""

    to: PeerName
    body: Annotated[str, says("its text", minLength=1, maxLength=MAX_BODY)]
    runtime: RuntimeName | None = Field(default=None, description="by default the default one, or the only live one")
    topic: Line | None = Field(default=None, description="the conversation it belongs to")
    re: Line | None = Field(default=None, description="the id of the message it answers")
    attachments: Annotated[list[Folder], says("files, which are copied", maxItems=MAX_ATTACHMENTS), _FIRST] = []
    key: Line | None = Field(default=None, description="the same key and message again is taken once")
    urgent: bool = Field(default=False, description="before others that wait")
    at_ms: Millis | None = Field(default=None, description="not before; milliseconds since 1970")
    expires_ms: Millis | None = Field(default=None, description="not after; milliseconds since 1970")
    asks: bool = Field(default=False, description="an answer is wanted")


class Send(Message):
    """POST /send."""

    wait: Until | None = Field(default=None, description="answer once it is so")
    timeout_s: Seconds | None = Field(default=None, description="how long to wait, 300 by default")


class Batch(Request):
    """POST /send/batch."""

    messages: Annotated[
        list[Message], Field(min_length=1, max_length=MAX_BATCH, fail_fast=True, description="all or none are taken")
    ]


class Change(Request):
    """PATCH /peers/NAME."""

    fields: Annotated[
        dict[str, JsonValue],
        Field(
            min_length=1, description="fields of the profile; null takes one back to its default",
            json_schema_extra={"propertyNames": {"enum": list(CHANGEABLE)}},
        ),
    ]  # fmt: skip


class Runtime(Request):
    """POST /peers/NAME/runtimes."""

    runtime: RuntimeName


class Move(Request):
    """POST /peers/NAME/move."""

    dir: Folder


class Query(BaseModel):
    """A query string: unknown names are ignored, a repeated one that is known is refused."""

    model_config = ConfigDict(extra="ignore")


class NoQuery(Query):
    """Nothing is asked."""


class OfRuntime(Query):
    """Which runtime of a peer is meant."""

    runtime: RuntimeName | None = Field(default=None, description="by default the default one, or the only live one")


class Force(Query):
    """DELETE /peers/NAME."""

    force: bool = Field(default=False, description="end its session and drop its messages")


class WaitState(OfRuntime):
    """GET /peers/NAME/wait."""

    state: Literal["idle", "asleep", "live"] = Field(description="the state to wait for")
    timeout_s: Seconds = Field(default=300.0, description="how long to wait")


class WaitEnd(Query):
    """GET /sessions/ID."""

    wait_end_s: Seconds = Field(default=0.0, description="how long to wait for its end")


class WaitMessage(Query):
    """GET /messages/ID."""

    wait: Until | None = Field(default=None, description="answer once it is so")
    timeout_s: Seconds | None = Field(default=None, description="how long to wait, 300 by default")


class Which(Query):
    """Which events."""

    after: Annotated[int, Field(ge=0, lt=2**62, description="those with a greater number")] = 0
    peer: PeerName | None = Field(default=None, description="those about this peer")
    kind: Annotated[str, Field(max_length=1000, description="those of these kinds, with commas between")] = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds; none means all."""
        return tuple(kind for kind in self.kind.split(",") if kind)


class Page(Which):
    """GET /events."""

    limit: Annotated[int, Field(ge=1, le=10_000, description="so many at most")] = 1000


def parse(model: type[M], body: bytes) -> M:
    """The request in `body`; Usage naming the field that does not fit."""
    try:
        given = from_json(body or b"{}")
    except ValueError as error:
        raise Usage(f"The request's field body: Invalid JSON: {error}.", code="bad-request") from error
    if (unknown := _unknown_field(model, given)) is not None:
        raise Usage(f"The request's field {unknown}: there is no such field.", code="bad-request")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _unfit("field", error) from error


def _unknown_field(model: type[BaseModel], given: object) -> str | None:
    """Find a field that the request does not have. Pydantic makes an error for each of them, which takes seconds."""
    if (unknown := unknown_key(model, given)) is not None or model is not Batch or not isinstance(given, dict):
        return unknown
    messages = given.get("messages")
    for place, message in enumerate(messages[:MAX_BATCH] if isinstance(messages, list) else ()):
        if (unknown := unknown_key(Message, message)) is not None:
            return f"messages.{place}.{unknown}"
    return None


def unknown_key(model: type[BaseModel], given: object) -> str | None:
    """Find the first key that is no field of the model; None when there is none, or `given` is no object."""
    keys = given if isinstance(given, dict) else ()
    return next((str(key)[:_SHOWN] for key in keys if key not in model.model_fields), None)


def parse_query(model: type[M], given: Sequence[tuple[str, str]]) -> M:
    """The query; an empty value is none. Usage naming the parameter that does not fit."""
    names = [name for name, _ in given if name in model.model_fields]
    for name in names:
        if names.count(name) > 1:
            raise Usage(f"The request's parameter {name} is given more than once: give it once.", code="bad-request")
    try:
        return model.model_validate({name: value for name, value in given if value != ""})
    except ValidationError as error:
        raise _unfit("parameter", error) from error


_SHOWN = 40  # characters of what was given

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
    said = _LIMITS.get(first["type"])
    message = said.format(**first["ctx"]) if said else first["msg"].removeprefix("Value error, ")
    return Usage(f"The request's {what} {name}: {message}{given}.", code="bad-request")
