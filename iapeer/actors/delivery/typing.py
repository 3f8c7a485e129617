"""The one delivery path: carries out what is decided about the row in flight, for a first message and for any other."""

from __future__ import annotations

import json
from dataclasses import replace

from iapeer.actors.delivery import composer, decide
from iapeer.actors.delivery.decide import Act, Doubt, Enter, Over, Paste, Proven, Wait, proven, untyped
from iapeer.actors.delivery.memory import Memory, remember
from iapeer.actors.delivery.settle import Evidence, NeedsInput, Retry, Rules, settle
from iapeer.actors.delivery.settling import carry_out
from iapeer.actors.looking import arm
from iapeer.actors.state import IdentityState, SessionState, baseline_of, key_of, mark_of
from iapeer.model.causes import ArmReason, WaitReason
from iapeer.model.envelope import spoken
from iapeer.model.sanitise import sanitise
from iapeer.model.states import OPEN, UNPROVEN, State
from iapeer.runtimes.records import Ending
from iapeer.runtimes.typing import pastes
from iapeer.sessions.observation import Observation, obstacle
from iapeer.store import Row
from iapeer.testing import faults


class Delivering:
    """Acts on the message in flight of one identity. Its coroutines return when to look again, None: on a change."""

    def __init__(self, state: IdentityState) -> None:
        self._at = state

    async def begin(self, row: Row, here: SessionState) -> float | None:
        """The session lives and nothing is in flight: type this row if the composer is free, else say why not."""
        at, observation = self._at, here.seen()
        now = at.context.store.inbox.row(row.message)
        if now is None or now.state is not State.QUEUED:  # held, or expired, while we looked
            return at.now()
        late = decide.late_attempt(key_of(now), observation.turn)
        if late is not None:  # it is in a turn already, and is not typed once more
            leased = at.context.store.activations.begin(now.message, here.live.id, baseline_of(here.live))
            return await self._proven(leased, here, late=late)
        why = obstacle(observation, here.looked_ms)
        if why == WaitReason.DRAFT and await composer.take_out_left_behind(at, observation):
            return at.now()
        if why is not None:
            at.context.store.inbox.note_reason(row.message, why)
            return await composer.until_free(at, why, observation)
        here.mode_since = None
        faults.point("lease:before")
        leased = at.context.store.activations.begin(row.message, here.live.id, baseline_of(here.live))
        faults.point("lease:after")
        here.text = at.wire_of(leased)
        here.attempt = Memory(mark_of(leased), since=at.now())
        return await self._paste(leased, here)

    async def step(self, row: Row, here: SessionState) -> float | None:
        """Something is in flight: do what comes next."""
        at = self._at
        if here.attempt is None:
            here.attempt = await self._take_over(row, here)
            here.observation = await here.live.look(self._text_of(row, here))  # only now is it known what would be ours
        now = at.now()
        if self._may_be_elsewhere(row, here, now) and await here.live.seek_message(key_of(row)):
            here.observation = await here.live.look(self._text_of(row, here))
        observation = here.seen()
        here.attempt = memory = remember(here.attempt, observation, now)
        waits, key = here.waits(at.context.timing.delivery), key_of(row)
        if row.state in OPEN:
            act: Act = decide.turn(key, observation, memory, now, waits)
        else:
            act = decide.delivery(row.state, key, observation, memory, now, here.looked_ms, waits)
        if isinstance(act, Wait) and observation.ours and memory.entered is None:
            await self._hush(here)  # the composer shows ours: nothing is to be seen before Enter, and it is quiet now
        return await self.carry_out(act, row, here)

    def _text_of(self, row: Row, here: SessionState) -> str:
        """What is, or was, typed for this row."""
        if here.text is None:
            here.text = self._at.wire_of(row)
        return here.text

    async def carry_out(self, act: Act, row: Row, here: SessionState) -> float | None:
        """Carry out what was decided about the row in flight."""
        match act:
            case Paste():
                return await self._paste(row, here)
            case Enter(number):
                return await self._enter(row, here, number)
            case Proven(over, attempt):
                return await self._proven(row, here, over, attempt)
            case Doubt(state):
                self._at.context.store.activations.doubt(row, state, _reason(here.observation))
                return self._soon()
            case Over(evidence, ours):
                return await self._over(row, here, evidence, ours)
            case Wait(until):
                soon = None if row.state in OPEN else self._soon()
                return min((when for when in (until, soon) if when is not None), default=None)

    async def _paste(self, row: Row, here: SessionState) -> float | None:
        at = self._at
        faults.point("paste:before")
        own, brought = spoken(self._text_of(row, here), row.sender)
        pieces = [piece.encode() for piece in pastes(here.live.adapter.typing, own, brought)]
        pasted = await here.live.tmux.paste(pieces, mark_of(row))
        faults.point("paste:after")
        if not pasted:
            return await self._over(row, here, untyped(WaitReason.COPY_MODE))
        clean = sanitise(row.body)
        counts = {"removed": clean.removed, "replaced": clean.replaced}
        at.context.store.activations.mark_typed(row, **{name: count for name, count in counts.items() if count})
        here.attempt = replace(here.attempt or Memory(mark_of(row), at.now()), pasted=at.now())
        return at.now() + here.waits(self._at.context.timing.delivery).gap

    async def _enter(self, row: Row, here: SessionState, number: int) -> float:
        at = self._at
        faults.point("enter:before")
        pressed = await here.live.tmux.key(here.live.adapter.typing.submit, f"{mark_of(row)}:{number}")
        faults.point("enter:after")
        memory = here.attempt
        if pressed and memory is not None:
            here.attempt = replace(memory, entered=at.now(), enters=number)
        return self._soon()

    async def _proven(self, row: Row, here: SessionState, over: Ending | None = None, late: int | None = None) -> float:
        """The message is in a turn; `over`: that ended well. `late`: as this earlier attempt, which the row is now."""
        at = self._at
        faults.point("proof:before")
        await self._hush(here)
        faults.point("proof:after")
        faults.point("commit:before")
        with at.context.store.together():
            row = at.context.store.activations.prove(row, _read_until(here), late)
            if row.topic is not None:
                at.context.store.sessions.add_topic(here.live.id, row.topic)
            if over is not None and not row.asks:  # who asked is answered first, in a step of its own
                row = self._settle(row, proven(over))
        faults.point("commit:after")
        if row.state is State.DONE or late is not None:
            here.forget_delivery()
        return at.now()

    async def _over(self, row: Row, here: SessionState, evidence: Evidence, ours: bool = False) -> float | None:
        """The row's activation is over. `ours`: our text stands in the composer, and is taken out first."""
        at, outcome = self._at, settle([row], evidence, Rules())
        if isinstance(outcome, NeedsInput):
            return None
        if ours:
            await composer.clear(at, self._text_of(row, here))
        if not isinstance(outcome, Retry):
            await self._hush(here)
        carry_out(at.context.store, row, evidence, outcome, at.telling)
        here.forget_delivery()
        if at.worker and row.state in UNPROVEN and not isinstance(outcome, Retry):
            arm(at, ArmReason.UNTAKEN)  # nothing is to be gone on with, and it takes no other task
        return at.now()

    def _settle(self, row: Row, evidence: Evidence) -> Row:
        store = self._at.context.store
        return carry_out(store, row, evidence, settle([row], evidence, Rules()), self._at.telling)

    def _may_be_elsewhere(self, row: Row, here: SessionState, now: float) -> bool:
        """Whether the message may have gone into a conversation that was begun unseen."""
        memory = here.attempt
        if row.state not in UNPROVEN or memory is None or key_of(row) in here.seen().turn.arrived:
            return False
        left = memory.entered if memory.entered is not None else memory.empty  # when it left the composer
        # Without a conversation, there is none to wait for.
        patience = self._at.context.timing.delivery.seek if here.live.conversation is not None else 0.0
        return left is not None and now >= left + patience

    async def _take_over(self, row: Row, here: SessionState) -> Memory:
        """A daemon before us began this: the marks that tmux kept say how far it came."""
        await here.live.tmux.output(True)
        observation, mark, now = here.seen(), mark_of(row), self._at.now()
        memory = Memory(mark, since=now, pasted=now if observation.pasted == mark else None)
        if not observation.submitted.startswith(f"{mark}:"):
            return memory
        return replace(memory, entered=now, enters=int(observation.submitted.removeprefix(f"{mark}:")))

    async def _hush(self, here: SessionState) -> None:
        """Screen output is not needed at rest, unless the screen is all there is to go by, or more is to be typed."""
        running = here.live
        if (
            running.has_live_state
            and running.tmux.listens
            and self._at.context.store.inbox.next_waiting(self._at.identity) is None
        ):
            await running.tmux.output(False)

    def _soon(self) -> float:
        return self._at.now() + self._at.context.timing.delivery.look


def _read_until(here: SessionState) -> str:
    """How far the agent's record was read that holds the message."""
    return json.dumps({"record": here.live.baseline()})


def _reason(observation: Observation | None) -> str:
    return (
        "still in the composer"
        if observation is not None and observation.ours
        else "no proof in the agent's record yet"
    )
