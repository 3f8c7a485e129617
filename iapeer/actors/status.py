"""How an identity is, for all who are not its actor: a frozen value, made of what the actor knows without acting."""

from __future__ import annotations

from dataclasses import dataclass

from iapeer.actors.state import IdentityState, SessionState
from iapeer.model.names import split_identity
from iapeer.sessions.observation import Observation, obstacle, quota_until_ms


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """A live session, as its actor last saw it. `seen`: its last look; None: it did not look yet."""

    id: str
    pid: int
    ready: bool  # it takes input
    connecting: bool  # it takes input, and its agent has not asked for our tool yet
    activity: str  # idle | busy | blocked
    why: str | None  # why it is blocked
    stuck: str | None  # why its start waits for a person
    asks: str | None  # why it waits for a person, having been ready
    delivering: bool  # a message is being typed, or is in a turn
    people: int
    turn_ms: int | None  # the newest time in its transcript
    obstacle: str | None  # why nothing may be typed now, by the last look
    seen: Observation | None

    @property
    def at_rest(self) -> bool:
        """Whether it is idle, with nothing in flight."""
        return self.activity == "idle" and not self.delivering

    @property
    def quota_until_ms(self) -> int:
        """When the limit that ended its last turn is over, wall time in milliseconds; 0: none did."""
        return quota_until_ms(self.seen.turn) if self.seen is not None else 0

    def screen(self) -> str:
        """Return the end of the screen, as last seen."""
        return self.seen.screen.tail() if self.seen is not None else ""


@dataclass(frozen=True, slots=True)
class IdentityStatus:
    """How an identity is. `session`: None where none lives, or where the one that lives cannot be reached."""

    identity: str
    session: SessionStatus | None = None
    unreachable: str | None = None  # why a session that lives cannot be taken over
    failed: str | None = None  # what its last launch said, if that failed
    guarded_s: float | None = None  # for how many more seconds the guard leaves it down; None: it does not
    died_of: str | None = None  # what the last death said that the guard counts

    @property
    def runtime(self) -> str:
        return split_identity(self.identity)[0]

    @property
    def personality(self) -> str:
        return split_identity(self.identity)[1]

    @property
    def lives(self) -> bool:
        """Whether there is a session, reachable or not."""
        return self.session is not None or self.unreachable is not None


def status_of(state: IdentityState) -> IdentityStatus:
    """Return how the identity is now."""
    guard, now = state.guard, state.now()
    return IdentityStatus(
        identity=state.identity,
        session=_session_status(state.session, now, state.context.now_ms()) if state.session is not None else None,
        unreachable=state.unreachable,
        failed=state.failed,
        guarded_s=guard.left(now) if guard.holds(now) else None,
        died_of=guard.error,
    )


def _session_status(here: SessionState, now: float, now_ms: int) -> SessionStatus:
    live = here.live
    activity, why = here.activity(now_ms)
    return SessionStatus(
        id=live.id,
        pid=live.pid,
        ready=live.ready,
        connecting=live.connecting_until is not None and now < live.connecting_until,
        activity=activity,
        why=why,
        stuck=here.stuck,
        asks=here.asks,
        delivering=here.attempt is not None,
        people=here.people,
        turn_ms=live.turn.last_ms,
        obstacle=obstacle(here.observation, now_ms) if here.observation is not None else None,
        seen=here.observation,
    )
