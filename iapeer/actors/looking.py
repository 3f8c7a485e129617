"""Looking at the session of an identity, with all that is noted and told of a look."""

from __future__ import annotations

from iapeer.actors.state import IdentityState, SessionState
from iapeer.model.causes import ArmReason
from iapeer.sessions.observation import Observation
from iapeer.store import ARMED


async def look(state: IdentityState, here: SessionState) -> Observation:
    """Look at the whole session; note what is new, and tell of people who came or went."""
    observation = await here.live.look(here.text)
    here.note(observation, state.now(), state.context.now_ms())
    if here.live.ready and not observation.gone:
        _note_asked(state, here, here.blocked)
    if not observation.gone and observation.people != here.people:
        await _note_people(state, here, observation.people)
    return observation


def arm(state: IdentityState, why: ArmReason) -> None:
    """Note that the worker's session has given what was wanted of it: it ends once it is quiet."""
    if state.context.store.flags.set(state.identity, state.personality, ARMED, why):
        state.current().active = state.now()


def _note_asked(state: IdentityState, here: SessionState, reason: str | None) -> None:
    """Tell once that the session waits for a person, and why (None: it does not), and once that it is over."""
    before, here.asks = here.asks, reason
    if reason is not None and reason != before:
        state.tell("blocked", reason=reason)
    elif reason is None and before is not None:
        state.tell("unblocked", reason=before)


async def _note_people(state: IdentityState, here: SessionState, now: int) -> None:
    before = here.people
    if bool(before) != bool(now):
        await here.live.tmux.person_view(now > 0)
    state.tell("attached" if now > before else "detached", people=now)
    here.people = now
    if state.worker and before and not now and not here.live.fresh:
        arm(state, ArmReason.LEFT)  # it was resumed to be looked at, and takes no task
