"""What stands in the way of typing: waited for, closed where it opened by itself, taken out where it is ours."""

from __future__ import annotations

import asyncio

from iapeer.actors.state import IdentityState
from iapeer.model.causes import WaitReason
from iapeer.sessions.observation import Observation, quota_until_ms

CLEAR_KEYS = 60
COMMAND = "command:"  # how the mark of a command of ours begins, which is no message


async def until_free(state: IdentityState, why: str, observation: Observation) -> float | None:
    """Do what can be done about the obstacle `why`; when to look again, None: on a change.

    What only the screen shows is told by its output, which is off at rest.
    """
    live, look_s = state.current().live, state.context.timing.delivery.look
    if why == WaitReason.COPY_MODE:
        return await _end_copy_mode(state)
    if observation.screen.dismiss is not None and not observation.people:
        return await _dismiss(state, why, observation)
    if why == WaitReason.QUOTA:
        return state.now() + max(look_s, (quota_until_ms(observation.turn) - state.context.now_ms()) / 1000)
    if why != WaitReason.BUSY:
        await live.tmux.output(True)
    if why == WaitReason.LOGIN and observation.logged_in is False:
        return live.login.due(awaited=True)
    return state.now() + look_s if why == WaitReason.NO_COMPOSER else None


async def _dismiss(state: IdentityState, why: str, observation: Observation) -> float:
    """Close what opened by itself; a key that changes nothing is not pressed again."""
    here, key = state.current(), observation.screen.dismiss
    if key is not None and observation.screen.text != here.dismissed:
        if not await here.live.tmux.key(key):
            return await _end_copy_mode(state)
        here.dismissed = observation.screen.text
        state.tell("dismissed", reason=why, key=key)
    return state.now() + state.context.timing.delivery.look


async def _end_copy_mode(state: IdentityState) -> float:
    """A person scrolls: give them half a minute, then go back to the composer."""
    here, now, most_s = state.current(), state.now(), state.context.timing.delivery.copy_mode
    if here.mode_since is None:
        here.mode_since = now
    if now >= here.mode_since + most_s:
        await here.live.tmux.leave_mode()
        here.mode_since = None
        return state.now()
    return here.mode_since + most_s


async def take_out_left_behind(state: IdentityState, observation: Observation) -> bool:
    """Take out a command whose daemon was killed before it pressed Enter; whether there was one."""
    command = state.current().live.adapter.commands.compact
    pasted, submitted = observation.pasted, observation.submitted
    unsubmitted = pasted.startswith(COMMAND) and not submitted.startswith(f"{pasted}:")
    return unsubmitted and command is not None and await clear(state, command)


async def clear(state: IdentityState, text: str) -> bool:
    """Take our own text out of the composer; False when it does not hold exactly that: others' is never touched."""
    live = state.current().live
    typing = live.adapter.typing
    for count in range(CLEAR_KEYS):
        observation = await live.look(text)
        if count == 0 and not observation.ours:
            return False
        if not observation.screen.composer:
            break
        await live.tmux.key(typing.clear[min(count, len(typing.clear) - 1)])
        await asyncio.sleep(typing.clear_gap_ms / 1000)
    return True
