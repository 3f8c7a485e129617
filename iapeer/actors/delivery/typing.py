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

    @property
    def _here(self) -> SessionState:
        return self._at.current()

    async def begin(self, row: Row, observation: Observation) -> float | None:
        """The session lives and nothing is in flight: type this row if the composer is free, else say why not."""
        at = self._at
        now = at.context.store.inbox.row(row.message)
        if now is None or now.state is not State.QUEUED:  # held, or expired, while we looked
            return at.now()
        late = decide.late_attempt(key_of(now), observation.turn)
        if late is not None:  # it is in a turn already, and is not typed once more
            return await self._proven(
                at.context.store.activations.begin(now.message, self._here.live.id, baseline_of(self._here.live)),
                late=late,
            )
        why = obstacle(observation, at.context.now_ms())
        if why == WaitReason.DRAFT and await composer.take_out_left_behind(at, observation):
            return at.now()
        if why is not None:
            at.context.store.inbox.note_reason(row.message, why)
            return await composer.until_free(at, why, observation)
        self._here.mode_since = None
        faults.point("lease:before")
        leased = at.context.store.activations.begin(row.message, self._here.live.id, baseline_of(self._here.live))
        faults.point("lease:after")
        self._here.text = at.wire_of(leased)
        self._here.attempt = Memory(mark_of(leased), since=at.now())
        return await self._paste(leased)

    async def step(self, row: Row, observation: Observation) -> float | None:
        """Something is in flight: do what comes next."""
        at = self._at
        if self._here.attempt is None:
            self._here.attempt = await self._take_over(row, observation)
            observation = self._here.observation = await self._here.live.look(
                self.text_of(row)
            )  # only now is it known what would be ours
        if await self._is_elsewhere(row, observation):
            observation = self._here.observation = await self._here.live.look(self.text_of(row))
        self._here.attempt = memory = remember(self._here.attempt, observation, at.now())
        waits = self._here.waits(self._at.context.timing.delivery)
        key = key_of(row)
        if row.state in OPEN:
            act: Act = decide.turn(key, observation, memory, at.now(), waits)
        else:
            act = decide.delivery(row.state, key, observation, memory, at.now(), at.context.now_ms(), waits)
        if isinstance(act, Wait) and observation.ours and memory.entered is None:
            await self._hush()  # the composer shows ours: nothing more is to be seen before Enter, and it is quiet now
        return await self.carry_out(act, row, observation)

    def text_of(self, row: Row) -> str:
        """What is, or was, typed for this row."""
        here = self._here
        if here.text is None:
            here.text = self._at.wire_of(row)
        return here.text

    async def carry_out(self, act: Act, row: Row, observation: Observation | None = None) -> float | None:
        """Carry out what was decided about the row in flight. `observation`: the look that it was decided by."""
        match act:
            case Paste():
                return await self._paste(row)
            case Enter(number):
                return await self._enter(row, number)
            case Proven(over, attempt):
                return await self._proven(row, over, attempt)
            case Doubt(state):
                self._at.context.store.activations.doubt(row, state, _reason(observation))
                return self._soon()
            case Over(evidence, ours):
                return await self._over(row, evidence, ours)
            case Wait(until):
                soon = None if row.state in OPEN else self._soon()
                return min((when for when in (until, soon) if when is not None), default=None)

    async def _paste(self, row: Row) -> float | None:
        at = self._at
        faults.point("paste:before")
        own, brought = spoken(self.text_of(row), row.sender)
        pieces = [piece.encode() for piece in pastes(self._here.live.adapter.typing, own, brought)]
        pasted = await self._here.live.tmux.paste(pieces, mark_of(row))
        faults.point("paste:after")
        if not pasted:
            return await self._over(row, untyped(WaitReason.COPY_MODE))
        clean = sanitise(row.body)
        counts = {"removed": clean.removed, "replaced": clean.replaced}
        at.context.store.activations.mark_typed(row, **{name: count for name, count in counts.items() if count})
        self._here.attempt = replace(self._here.attempt or Memory(mark_of(row), at.now()), pasted=at.now())
        return at.now() + self._here.waits(self._at.context.timing.delivery).gap

    async def _enter(self, row: Row, number: int) -> float:
        at = self._at
        faults.point("enter:before")
        pressed = await self._here.live.tmux.key(self._here.live.adapter.typing.submit, f"{mark_of(row)}:{number}")
        faults.point("enter:after")
        memory = self._here.attempt
        if pressed and memory is not None:
            self._here.attempt = replace(memory, entered=at.now(), enters=number)
        return self._soon()

    async def _proven(self, row: Row, over: Ending | None = None, late: int | None = None) -> float:
        """The message is in a turn; `over`: that ended well. `late`: as this earlier attempt, which the row is now."""
        at = self._at
        faults.point("proof:before")
        await self._hush()
        faults.point("proof:after")
        faults.point("commit:before")
        with at.context.store.together():
            row = at.context.store.activations.prove(row, _read_until(at), late)
            if row.topic is not None:
                at.context.store.sessions.add_topic(self._here.live.id, row.topic)
            if over is not None and not row.asks:  # who asked is answered first, in a step of its own
                row = self._settle(row, proven(over))
        faults.point("commit:after")
        if row.state is State.DONE or late is not None:
            self.forget()
        return at.now()

    async def _over(self, row: Row, evidence: Evidence, ours: bool = False) -> float | None:
        """The row's activation is over. `ours`: our text stands in the composer, and is taken out first."""
        at, outcome = self._at, settle([row], evidence, Rules())
        if isinstance(outcome, NeedsInput):
            return None
        if ours:
            await composer.clear(at, self.text_of(row))
        if not isinstance(outcome, Retry):
            await self._hush()
        carry_out(at.context.store, row, evidence, outcome, at.telling)
        self.forget()
        if at.worker and row.state in UNPROVEN and not isinstance(outcome, Retry):
            arm(at, ArmReason.UNTAKEN)  # nothing is to be gone on with, and it takes no other task
        return at.now()

    def _settle(self, row: Row, evidence: Evidence) -> Row:
        store = self._at.context.store
        return carry_out(store, row, evidence, settle([row], evidence, Rules()), self._at.telling)

    def forget(self) -> None:
        """Nothing is in flight any more."""
        if self._at.session is not None:
            self._at.session.forget_delivery()

    async def _is_elsewhere(self, row: Row, observation: Observation) -> bool:
        """Whether the message turns up in a conversation that was begun unseen; it is followed from now on."""
        memory = self._here.attempt
        if row.state not in UNPROVEN or memory is None or key_of(row) in observation.turn.arrived:
            return False
        left = memory.entered if memory.entered is not None else memory.empty  # when it left the composer
        # Without a conversation, there is none to wait for.
        patience = self._at.context.timing.delivery.seek if self._here.live.conversation is not None else 0.0
        overdue = left is not None and self._at.now() >= left + patience
        return overdue and await self._here.live.seek_message(key_of(row))

    async def _take_over(self, row: Row, observation: Observation) -> Memory:
        """A daemon before us began this: the marks that tmux kept say how far it came."""
        at = self._at
        await self._here.live.tmux.output(True)
        mark, now = mark_of(row), at.now()
        memory = Memory(mark, since=now, pasted=now if observation.pasted == mark else None)
        if not observation.submitted.startswith(f"{mark}:"):
            return memory
        return replace(memory, entered=now, enters=int(observation.submitted.removeprefix(f"{mark}:")))

    async def _hush(self) -> None:
        """Screen output is not needed at rest, unless the screen is all there is to go by, or more is to be typed."""
        running = self._here.live
        if running.has_live_state and self._at.context.store.inbox.next_waiting(self._at.identity) is None:
            await running.tmux.output(False)

    def _soon(self) -> float:
        return self._at.now() + self._at.context.timing.delivery.look


def _read_until(at: IdentityState) -> str:
    """How far the agent's record was read that holds the message."""
    return json.dumps({"record": at.current().live.baseline()})


def _reason(observation: Observation | None) -> str:
    return (
        "still in the composer"
        if observation is not None and observation.ours
        else "no proof in the agent's record yet"
    )
