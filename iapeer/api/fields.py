"""The fields that requests and answers share, each with what it means: OpenAPI's descriptions are these."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, with_config
from typing_extensions import TypedDict


def means(description: str, **schema: JsonValue) -> Any:
    """Describe a field; `schema` says in the document what its values look like, and checks nothing."""
    return Field(description=description, json_schema_extra=schema or None)


closed = with_config(ConfigDict(extra="forbid"))  # a shape with no other fields than its own
extensible = with_config(ConfigDict(extra="allow"))

Millis = Annotated[int, means("milliseconds since 1970")]
MaybeMillis = Annotated[int | None, means("milliseconds since 1970; null: not (yet)")]
Name = Annotated[str, means("a peer's name")]
Identity = Annotated[str, means("RUNTIME-PEER")]
SessionId = Annotated[str, means("a session's id")]
MaybeSession = Annotated[str | None, means("a session's id; null: there is none")]
MessageId = Annotated[str, means("a message's id")]
Sender = Annotated[str, means("a peer's name, `operator` or `iapeer`")]
AbsolutePath = Annotated[str, means("an absolute path")]
MaybeWarning = Annotated[str | None, means("what a person should know; null: nothing")]
Status = Annotated[Literal["live", "asleep", "stopped", "failing"], means("failing: it keeps dying, or cannot start")]
Activity = Annotated[Literal["idle", "busy", "blocked"] | None, means("of the live session; null: there is none")]
Mode = Annotated[Literal["fresh", "resume"], means("whether it began a conversation or went on with one")]
Nature = Literal["artificial", "natural", "absent"]
From = TypedDict("From", {"from": Sender})  # not a name in Python
