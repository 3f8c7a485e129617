"""One session's record, and waiting for its end."""

from __future__ import annotations

from typing import Annotated, cast

from pydantic import Field
from typing_extensions import TypedDict

from iapeer.api.fields import Identity, MaybeMillis, Millis, Mode, SessionId, closed, means
from iapeer.api.requests import Query, Seconds
from iapeer.api.web import ApiCall, Endpoint
from iapeer.model.errors import Refused
from iapeer.store import SessionRecord


class WaitEnd(Query):
    """GET /sessions/ID."""

    wait_end_s: Seconds = Field(default=0.0, description="how long to wait for its end")


@closed
class Session(TypedDict):
    """One launch of one agent, alive or over."""

    id: SessionId
    identity: Identity
    mode: Mode
    cause: Annotated[str, means("why it was launched")]
    conversation: Annotated[str | None, means("the agent's own id of its conversation")]
    pid: Annotated[int | None, means("the agent's process")]
    started_ms: Millis
    ready_ms: MaybeMillis
    ended_ms: MaybeMillis
    end_cause: Annotated[str | None, means("why it ended")]
    exit_code: Annotated[int | None, means("the agent's exit code")]
    signal: Annotated[int | None, means("the signal that ended the agent")]
    last_screen: Annotated[str | None, means("what its screen showed at the end")]


def session_answer(session: SessionRecord) -> Session:
    """The answer about a session."""
    return {
        "id": session.id, "identity": session.identity, "mode": cast("Mode", session.mode), "cause": session.cause,
        "conversation": session.conversation, "pid": session.pid, "started_ms": session.started_ms,
        "ready_ms": session.ready_ms, "ended_ms": session.ended_ms, "end_cause": session.end_cause,
        "exit_code": session.exit_code, "signal": session.signal, "last_screen": session.last_screen,
    }  # fmt: skip


async def get_session(call: ApiCall[None, WaitEnd]) -> Session:
    store, clock = call.fleet.context.store, call.fleet.context.clock
    deadline = clock.monotonic() + call.query.wait_end_s
    while True:
        session = store.sessions.get(call.name)
        if session is None:
            raise Refused(f"There is no session '{call.name}'.", code="unknown-session")
        left = deadline - clock.monotonic()
        if session.ended_ms is not None or left <= 0 or await call.request.is_disconnected():
            return session_answer(session)
        await call.api.next_event(min(left, 60.0))


ENDPOINTS = [
    Endpoint("GET", "/sessions/{name}", get_session, "One session; may wait for its end", query=WaitEnd),
]
