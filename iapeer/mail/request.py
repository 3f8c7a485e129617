"""What somebody wants sent, and the limits it has to keep."""

from __future__ import annotations

from dataclasses import dataclass

from iapeer.model.errors import Refused
from iapeer.model.names import OPERATOR, identity
from iapeer.model.sanitise import sanitise

MAX_BODY = 16_000
MAX_TOPIC = 200
MAX_ATTACHMENTS = 20
MAX_BATCH = 10_000


@dataclass(frozen=True)
class Caller:
    """Who is speaking: the operator, or the peer whose session's token was shown."""

    personality: str = OPERATOR
    runtime: str = "shell"
    intelligence: str = "natural"
    session: str | None = None

    @property
    def identity(self) -> str:
        return identity(self.runtime, self.personality)


@dataclass(frozen=True)
class SendRequest:
    """What a caller wants sent. `asks`: an answer is wanted. `waits`: what of its fate the caller's own call waits for.

    `attachments` are paths as the caller gave them, or, once they were taken, of our copies.
    """

    to: str
    body: str
    runtime: str | None = None
    topic: str | None = None
    re: str | None = None
    attachments: tuple[str, ...] = ()
    key: str | None = None
    urgent: bool = False
    at_ms: int | None = None
    expires_ms: int | None = None
    asks: bool = False
    waits: str | None = None

    @property
    def wants_answer(self) -> bool:
        """Whether it asks, or its call waits for an answer."""
        return self.asks or self.waits == "reply"


def check_request(request: SendRequest) -> None:
    """Refused, naming the limit and the size found, when a request is over one; nothing else is looked at."""
    if len(request.body) > MAX_BODY:
        raise Refused(
            f"The message has {len(request.body)} characters: {MAX_BODY} is the limit; attach a file instead.",
            code="too-long",
        )
    for name, text in (("topic", request.topic), ("re", request.re), ("key", request.key)):
        _check_line(name, text)
    if len(request.attachments) > MAX_ATTACHMENTS:
        raise Refused(
            f"The message has {len(request.attachments)} attachments: {MAX_ATTACHMENTS} is the limit.", code="too-many"
        )
    sanitise(request.body)


def check_times(request: SendRequest, now: int) -> None:
    """Refused when it is to be typed, or expires, in the past (milliseconds)."""
    if request.at_ms is not None and request.at_ms < now:
        raise Refused("The time to send it at has passed: give one to come.", code="in-the-past")
    if request.expires_ms is not None and request.expires_ms <= max(now, request.at_ms or 0):
        raise Refused("It would expire before it could be sent: give a later time.", code="in-the-past")


def _check_line(name: str, text: str | None) -> None:
    if text is None:
        return
    if len(text) > MAX_TOPIC:
        raise Refused(f"The field {name} has {len(text)} characters: {MAX_TOPIC} is the limit.", code="too-long")
    if not text.strip() or "\n" in text:
        raise Refused(f"The field {name} is empty or has a line break: it is one line.", code=f"bad-{name}")
