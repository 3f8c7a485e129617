"""Sessions that are launched: as the wake table says, counted when they fail, and told to who waits for them."""

from __future__ import annotations

from collections.abc import Callable

from iapeer.actors.guarding import launch_failed
from iapeer.actors.lifecycle.boot import Boot
from iapeer.actors.lifecycle.wake import WakeRequest
from iapeer.actors.resuming import ResumeCandidate, resume_candidate
from iapeer.actors.starts import Starts
from iapeer.actors.state import IdentityState, SessionState
from iapeer.actors.wakefacts import decided
from iapeer.model.causes import WakeCause, WakeMode
from iapeer.model.errors import Failed, PeerError, Refused
from iapeer.peers.registry import RegisteredPeer
from iapeer.sessions.launch import launch
from iapeer.sessions.live import LiveSession
from iapeer.sessions.preflight import LaunchRequest, preflight


class Launching:
    """Launches the sessions of one identity. `poke` is called when something changes in one."""

    def __init__(
        self, state: IdentityState, known: Callable[[], RegisteredPeer], starts: Starts, poke: Callable[[], None]
    ) -> None:
        self._state = state
        self._known = known
        self._starts = starts
        self._poke = poke

    async def waken(
        self, request: WakeRequest, extra: tuple[str, ...] = (), candidate: ResumeCandidate | None = None
    ) -> LiveSession:
        """Wake as the table says. Refused when there is nothing to resume and a fresh session was not asked for.

        `extra`: further arguments of the program. `candidate`: the last conversation, where it was looked for just now.
        """
        state = self._state
        candidate = candidate or resume_candidate(state.context, state.identity)
        known = self._known()
        wake = decided(state.context, state.identity, known.profile, request, candidate)
        conversation = candidate.last.conversation if candidate.last is not None else None
        if wake.misses and candidate.lost:
            what = {"mode": wake.mode, "cause": wake.cause, "conversation": conversation, "why": candidate.why}
            state.tell("not_resumed", request.message, **what)
        if wake.mode is WakeMode.REFUSED:
            raise nothing_to_resume(state.personality, candidate.why)
        resumed = conversation if wake.mode is WakeMode.RESUME else None
        return await self._launch(LaunchRequest(known, state.runtime, wake.mode, wake.cause, resumed, extra))

    async def check_launch(self) -> None:
        """Raise PeerError when a launch would be refused now."""
        await preflight(
            self._state.context, LaunchRequest(self._known(), self._state.runtime, WakeMode.FRESH, WakeCause.NEW)
        )

    async def _launch(self, request: LaunchRequest) -> LiveSession:
        """Launch a session. Raises PeerError after counting the failure."""
        state, born = self._state, self._state.now()
        try:
            live = await launch(state.context, request, self._poke)
        except PeerError as error:
            self.failed(state.now() - born, str(error))
            raise
        except OSError as error:
            self.failed(state.now() - born, str(error))
            raise Failed(f"{state.identity} could not be launched: {error}.", code="launch-failed") from error
        now = state.now()
        state.session = SessionState(live, born, active=now, boot=Boot(since=now, changed=now))
        self._poke()
        return live

    def failed(self, lived_s: float, why: str, screen: str = "") -> None:
        """Count a launch that failed after so long, and tell who waits for the start."""
        state = self._state
        launch_failed(state, lived_s, why, screen)
        self._starts.fail(Failed(f"{state.identity} did not start: {state.failed}", code="launch-failed"))


def nothing_to_resume(personality: str, why: str | None) -> Refused:
    """The refusal to resume a conversation that is not there, for this reason."""
    return Refused(
        f"{personality} has no conversation to resume ({why}): `iapeer start {personality}` begins a fresh one.",
        code="attach-nothing-to-resume",
    )
