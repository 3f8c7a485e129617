"""The start of a session, step by step: until it takes input, a person is needed, or it will not come up."""

from __future__ import annotations

from dataclasses import replace

from iapeer.actors import acts
from iapeer.actors.ending import Ending
from iapeer.actors.lifecycle.boot import GiveUp, Press, Ready, Stuck, Wait
from iapeer.actors.starts import Starts
from iapeer.actors.state import IdentityState
from iapeer.model.causes import BlockedReason, EndCause
from iapeer.model.errors import Failed


class Starting:
    """Carries out the acts of one identity's starts, and tells who waits for them."""

    def __init__(self, state: IdentityState, starts: Starts, ending: Ending) -> None:
        self._state = state
        self._starts = starts
        self._ending = ending

    async def go_on(self, start: acts.Start) -> float:
        """Do what comes next; when to look again."""
        state, here = self._state, self._state.current()
        match start.act:
            case Press(key, dialog):
                await self._press(key, dialog)
            case Ready(degraded):
                await self._ready(degraded)
                return state.now()
            case Stuck(reason):
                self._stuck(reason)
            case GiveUp(why):
                await self._ending.record_end(EndCause.LAUNCH_FAILED, await here.live.end(), why)
            case Wait(until):
                here.stuck = None
                return until
        return state.now() + state.context.timing.boot.answered

    async def _press(self, key: str, dialog: str) -> None:
        state, here = self._state, self._state.current()
        if await here.live.tmux.key(key) and here.boot is not None:
            here.boot = replace(here.boot, pressed=here.boot.text, keys=here.boot.keys + 1)
            state.tell("dialog", dialog=dialog, key=key)

    async def _ready(self, degraded: str | None) -> None:
        state, here = self._state, self._state.current()
        if degraded is not None:
            here.live.degrade(degraded)
        await here.live.tmux.output(False)
        here.live.started()
        took = state.now() - (here.boot.since if here.boot else state.now())
        here.boot = here.stuck = state.failed = None
        self._starts.ready(here.live)
        state.tell("ready", took_ms=round(took * 1000), conversation=here.live.conversation)

    def _stuck(self, reason: str) -> None:
        state, here = self._state, self._state.current()
        if here.stuck != reason:
            state.tell("blocked", reason=reason)
            here.stuck = reason
        why = f"{here.live.pane.command} has its terminal" if reason == BlockedReason.NOT_THE_AGENT else reason
        text = f"{state.identity} waits for a person ({why}): `iapeer attach {state.personality}` shows its screen."
        self._starts.fail(Failed(text, code="blocked"))
