"""The one delivery path: carries out what is decided about the row in flight, for a first message and for any other."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

from iapeer.actors import decide
from iapeer.actors.decide import Act, Doubt, Enter, Memory, Over, Paste, Proven, Wait, proven, untyped
from iapeer.actors.delivery.settle import Evidence, NeedsInput, Retry, Rules, settle
from iapeer.actors.settling import carry_out
from iapeer.actors.station import Station, baseline_of, key_of, mark_of
from iapeer.actors.working import arm
from iapeer.model.causes import ArmReason, WaitReason
from iapeer.model.envelope import spoken
from iapeer.model.sanitise import sanitise
from iapeer.model.states import OPEN, UNPROVEN, State
from iapeer.runtimes.records import Ending
from iapeer.runtimes.typing import pastes
from iapeer.sessions.observation import Observation, obstacle, quota_until_ms
from iapeer.store import Row
from iapeer.testing import faults

COPY_MODE_S = 30.0  # how long a person may keep a message waiting by scrolling
LOOK_S = 1.0  # while something is in flight, look at least so often
CLEAR_KEYS = 60
SEEK_S = 1.0  # after a message left the composer: the record that is followed would hold it by now
COMMAND = "command:"  # how the mark of a command of ours begins, which is no message


class Delivering:
    """Acts on the message in flight of one station. Every method returns when to look again, or None."""

    def __init__(self, station: Station) -> None:
        self._at = station
        self._dismissed: str | None = None  # the screen on which a menu was last closed

    async def begin(self, row: Row, observation: Observation) -> float | None:
        """The session lives and nothing is in flight: type this row if the composer is free, else say why not."""
        at = self._at
        now = at.context.store.inbox.row(row.message)
        if now is None or now.state is not State.QUEUED:  # held, or expired, while we looked
            return at.now()
        late = decide.late_attempt(key_of(now), observation.turn)
        if late is not None:  # it is in a turn already, and is not typed once more
            return await self._proven(
                at.context.store.activations.begin(now.message, at.live().id, baseline_of(at.live())), late=late
            )
        why = obstacle(observation, at.context.now_ms())
        if why == WaitReason.DRAFT and await self._left_behind(observation):
            return at.now()
        if why is not None:
            at.context.store.inbox.note_reason(row.message, why)
            return await self._until_free(why, observation)
        at.mode_since = None
        faults.point("lease:before")
        leased = at.context.store.activations.begin(row.message, at.live().id, baseline_of(at.live()))
        faults.point("lease:after")
        at.text = at.wire_of(leased)
        at.attempt = Memory(mark_of(leased), since=at.now())
        return await self._paste(leased)

    async def glance(self, row: Row) -> bool:
        """Do what the transcript alone decides about the row in flight; False when it takes a look."""
        act = decide.at_once(row.state, key_of(row), await self._at.live().read())
        if act is None:
            return False
        await self._perform(act, row, None)
        return True

    async def step(self, row: Row, observation: Observation) -> float | None:
        """Something is in flight: do what comes next."""
        at = self._at
        if at.attempt is None:
            at.attempt = await self._take_over(row, observation)
            observation = at.observation = await at.live().look(
                self.text_of(row)
            )  # only now is it known what would be ours
        if await self._is_elsewhere(row, observation):
            observation = at.observation = await at.live().look(self.text_of(row))
        at.attempt = memory = decide.remember(at.attempt, observation, at.now())
        limits = at.limits(at.live().adapter)
        key = key_of(row)
        if row.state in OPEN:
            act: Act = decide.turn(key, observation, memory, at.now(), limits)
        else:
            act = decide.delivery(row.state, key, observation, memory, at.now(), at.context.now_ms(), limits)
        if isinstance(act, Wait) and observation.ours and memory.entered is None:
            await self._hush()  # the composer shows ours: nothing more is to be seen before Enter, and it is quiet now
        return await self._perform(act, row, observation)

    def text_of(self, row: Row) -> str:
        """What is, or was, typed for this row."""
        if self._at.text is None:
            self._at.text = self._at.wire_of(row)
        return self._at.text

    async def _perform(self, act: Act, row: Row, observation: Observation | None) -> float | None:
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
        pieces = [piece.encode() for piece in pastes(at.live().adapter.typing, own, brought)]
        pasted = await at.live().tmux.paste(pieces, mark_of(row))
        faults.point("paste:after")
        if not pasted:
            return await self._over(row, untyped(WaitReason.COPY_MODE))
        clean = sanitise(row.body)
        counts = {"removed": clean.removed, "replaced": clean.replaced}
        at.context.store.activations.mark_typed(row, **{name: count for name, count in counts.items() if count})
        at.attempt = replace(at.attempt or Memory(mark_of(row), at.now()), pasted=at.now())
        return at.now() + at.limits(at.live().adapter).gap

    async def _enter(self, row: Row, number: int) -> float:
        at = self._at
        faults.point("enter:before")
        pressed = await at.live().tmux.key(at.live().adapter.typing.submit, f"{mark_of(row)}:{number}")
        faults.point("enter:after")
        if pressed and at.attempt is not None:
            at.attempt = replace(at.attempt, entered=at.now(), enters=number)
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
                at.context.store.sessions.add_topic(at.live().id, row.topic)
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
        self._at.attempt = self._at.text = None

    async def _is_elsewhere(self, row: Row, observation: Observation) -> bool:
        """Whether the message turns up in a conversation that was begun unseen; it is followed from now on."""
        memory = self._at.attempt
        if row.state not in UNPROVEN or memory is None or key_of(row) in observation.turn.arrived:
            return False
        left = memory.entered if memory.entered is not None else memory.empty  # when it left the composer
        overdue = left is not None and self._at.now() >= left + SEEK_S
        return overdue and await self._at.live().seek_message(key_of(row))

    async def _take_over(self, row: Row, observation: Observation) -> Memory:
        """A daemon before us began this: the marks that tmux kept say how far it came."""
        at = self._at
        await at.live().tmux.output(True)
        mark, now = mark_of(row), at.now()
        memory = Memory(mark, since=now, pasted=now if observation.pasted == mark else None)
        if not observation.submitted.startswith(f"{mark}:"):
            return memory
        return replace(memory, entered=now, enters=int(observation.submitted.removeprefix(f"{mark}:")))

    async def _left_behind(self, observation: Observation) -> bool:
        """Whether a command stood in the composer whose daemon was killed before it pressed Enter; it is taken out."""
        command = self._at.live().adapter.commands.compact
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
            return at.now() + max(LOOK_S, (quota_until_ms(observation.turn) - at.context.now_ms()) / 1000)
        if why != WaitReason.BUSY:
            await at.live().tmux.output(True)
        if why == WaitReason.LOGIN and observation.logged_in is False:
            return at.live().login.due(awaited=True)
        return self._soon() if why == WaitReason.NO_COMPOSER else None

    async def _dismiss(self, why: str, observation: Observation) -> float:
        """Close what opened by itself; a key that changes nothing is not pressed again."""
        at, key = self._at, observation.screen.dismiss
        if key is not None and observation.screen.text != self._dismissed:
            if not await at.live().tmux.key(key):
                return await self._copy_mode()
            self._dismissed = observation.screen.text
            at.tell("dismissed", reason=why, key=key)
        return self._soon()

    async def _copy_mode(self) -> float:
        """A person scrolls: give them half a minute, then go back to the composer."""
        at = self._at
        if at.mode_since is None:
            at.mode_since = at.now()
        if at.now() >= at.mode_since + COPY_MODE_S:
            await at.live().tmux.leave_mode()
            at.mode_since = None
            return at.now()
        return at.mode_since + COPY_MODE_S

    async def _hush(self) -> None:
        """Screen output is not needed at rest, unless the screen is all there is to go by, or more is to be typed."""
        running = self._at.live()
        if running.has_live_state and self._at.context.store.inbox.next_waiting(self._at.identity) is None:
            await running.tmux.output(False)

    def _soon(self) -> float:
        return self._at.now() + LOOK_S


async def clear(at: Station, text: str) -> bool:
    """Take our own text out of the composer; False when it does not hold exactly that: others' is never touched."""
    typing = at.live().adapter.typing
    for count in range(CLEAR_KEYS):
        observation = await at.live().look(text)
        if count == 0 and not observation.ours:
            return False
        if not observation.screen.composer:
            break
        await at.live().tmux.key(typing.clear[min(count, len(typing.clear) - 1)])
        await asyncio.sleep(typing.clear_gap_ms / 1000)
    return True


def _read_until(at: Station) -> str:
    """How far the agent's record was read that holds the message."""
    return json.dumps({"record": at.live().baseline()})


def _reason(observation: Observation | None) -> str:
    return (
        "still in the composer"
        if observation is not None and observation.ours
        else "no proof in the agent's record yet"
    )
