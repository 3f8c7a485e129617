"""The one delivery path: carries out what is decided about the row in flight, for a first message and for any other."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

from iapeer.actors.delivery import decide
from iapeer.actors.delivery.decide import Act, Doubt, Enter, Memory, Over, Paste, Proven, Wait, proven, untyped
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
from iapeer.sessions.observation import Observation, obstacle, quota_until_ms
from iapeer.store import Row
from iapeer.testing import faults

CLEAR_KEYS = 60
COMMAND = "command:"  # how the mark of a command of ours begins, which is no message


class Delivering:
    """Acts on the message in flight of one station. Every method returns when to look again, or None."""

    def __init__(self, station: IdentityState) -> None:
        self._at = station

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
        if why == WaitReason.DRAFT and await self._left_behind(observation):
            return at.now()
        if why is not None:
            at.context.store.inbox.note_reason(row.message, why)
            return await self._until_free(why, observation)
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
        self._here.attempt = memory = decide.remember(self._here.attempt, observation, at.now())
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
            await clear(at, self.text_of(row))
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
        overdue = left is not None and self._at.now() >= left + self._at.context.timing.delivery.seek
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

    async def _left_behind(self, observation: Observation) -> bool:
        """Whether a command stood in the composer whose daemon was killed before it pressed Enter; it is taken out."""
        command = self._here.live.adapter.commands.compact
        pasted = observation.pasted.startswith(COMMAND) and not observation.submitted.startswith(
            f"{observation.pasted}:"
        )
        return pasted and command is not None and await clear(self._at, command)

    async def _until_free(self, why: str, observation: Observation) -> float | None:
        """When to look again. What only the screen shows is told by its output, which is off at rest."""
        at = self._at
        if why == WaitReason.COPY_MODE:
            return await self._copy_mode()
        if observation.screen.dismiss is not None and not observation.people:
            return await self._dismiss(why, observation)
        if why == WaitReason.QUOTA:
            return at.now() + max(
                at.context.timing.delivery.look, (quota_until_ms(observation.turn) - at.context.now_ms()) / 1000
            )
        if why != WaitReason.BUSY:
            await self._here.live.tmux.output(True)
        if why == WaitReason.LOGIN and observation.logged_in is False:
            return self._here.live.login.due(awaited=True)
        return self._soon() if why == WaitReason.NO_COMPOSER else None

    async def _dismiss(self, why: str, observation: Observation) -> float:
        """Close what opened by itself; a key that changes nothing is not pressed again."""
        at, key = self._at, observation.screen.dismiss
        if key is not None and observation.screen.text != self._here.dismissed:
            if not await self._here.live.tmux.key(key):
                return await self._copy_mode()
            self._here.dismissed = observation.screen.text
            at.tell("dismissed", reason=why, key=key)
        return self._soon()

    async def _copy_mode(self) -> float:
        """A person scrolls: give them half a minute, then go back to the composer."""
        here, now, patience = self._here, self._at.now(), self._at.context.timing.delivery.copy_mode
        if here.mode_since is None:
            here.mode_since = now
        if now >= here.mode_since + patience:
            await here.live.tmux.leave_mode()
            here.mode_since = None
            return self._at.now()
        return here.mode_since + patience

    async def _hush(self) -> None:
        """Screen output is not needed at rest, unless the screen is all there is to go by, or more is to be typed."""
        running = self._here.live
        if running.has_live_state and self._at.context.store.inbox.next_waiting(self._at.identity) is None:
            await running.tmux.output(False)

    def _soon(self) -> float:
        return self._at.now() + self._at.context.timing.delivery.look


async def clear(at: IdentityState, text: str) -> bool:
    """Take our own text out of the composer; False when it does not hold exactly that: others' is never touched."""
    live = at.current().live
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


def _read_until(at: IdentityState) -> str:
    """How far the agent's record was read that holds the message."""
    return json.dumps({"record": at.current().live.baseline()})


def _reason(observation: Observation | None) -> str:
    return (
        "still in the composer"
        if observation is not None and observation.ours
        else "no proof in the agent's record yet"
    )
