"""The decisions while a session starts: which dialog to answer with which key, when it is ready, when to give up."""

from __future__ import annotations

from dataclasses import dataclass, replace

from iapeer.model.causes import BlockedReason
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.screen import next_key, start_dialog
from iapeer.sessions.observation import Observation, blocked, speaks

DEADLINE_S = 240.0
# How long the live state may be silent once the composer shows, and what is said then.
MISSING = (5.0, "there is no such file although the agent is ready")
LOADING = (20.0, "it has no status although the agent is ready")
STILL_S = 10.0  # a screen that says nothing for so long is a dialog nobody knows
SETTLED_S = 0.25  # how long a dialog stands before it is answered: programs throw away keys that come with it
MAX_KEYS = 12


@dataclass(frozen=True, slots=True)
class Boot:
    """What is remembered of a start; monotonic seconds."""

    since: float
    text: str = ""
    changed: float = 0.0
    composer: float | None = None
    rest: float | None = None  # since when the composer shows and the live state, if there is one, has a word
    waiting: float | None = None  # since when the live state says that a person is waited for
    pressed: str | None = None  # the screen on which the last key was pressed
    keys: int = 0

    def seen(self, observation: Observation, now: float) -> Boot:
        """What this look adds."""
        composer = None if observation.screen.composer is None else _first(self.composer, now)
        rest = None if composer is None or not speaks(observation) else _first(self.rest, now)
        waits = observation.live is not None and observation.live.status == "waiting"
        after = replace(self, composer=composer, rest=rest, waiting=_first(self.waiting, now) if waits else None)
        return (
            after if observation.screen.text == self.text else replace(after, text=observation.screen.text, changed=now)
        )


@dataclass(frozen=True, slots=True)
class Press:
    """Answer the dialog with this key."""

    key: str
    dialog: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The session takes input. `degraded` says why the live state is not used."""

    degraded: str | None = None


@dataclass(frozen=True, slots=True)
class Stuck:
    """A person is needed: login, a question, a dialog nobody knows."""

    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It will not come up."""

    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again when something happens, or at `until`."""

    until: float


BootAct = Press | Ready | Stuck | GiveUp | Wait


def boot(
    adapter: Adapter, permissions: str, observation: Observation, memory: Boot, now: float, now_ms: int, *, live: bool
) -> BootAct:
    """The next act of a start. An unknown dialog is never answered. `live`: the live state is to be waited for."""
    if not observation.foreground:
        return _later(observation, memory, now)
    if observation.screen.composer is None:
        return _before_composer(adapter, permissions, observation, memory, now)
    reason = blocked(observation, now_ms)
    if reason is not None:  # the live state may speak of a dialog before it is drawn
        drawn = memory.waiting + SETTLED_S if memory.waiting is not None else now
        return Wait(drawn) if now < drawn else Stuck(reason)
    act = _ready(observation, memory, now) if live else Ready()
    settled = (
        _first(memory.rest if live and speaks(observation) else memory.composer, now) + adapter.launch.settle_ms / 1000
    )
    return Wait(settled) if isinstance(act, Ready) and now < settled else act


def _before_composer(adapter: Adapter, permissions: str, observation: Observation, memory: Boot, now: float) -> BootAct:
    dialog = start_dialog(adapter, observation.screen.text)
    if dialog is None:
        return _later(observation, memory, now)
    if dialog.blocked is not None:
        return Stuck(dialog.blocked)
    if dialog.only_with is not None and dialog.only_with != permissions:
        return Stuck("question")
    if memory.pressed == observation.screen.text:  # a key that changes nothing is not pressed twice
        still = memory.changed + STILL_S
        return Stuck("question") if now >= still else Wait(still)
    if now < memory.changed + SETTLED_S:
        return Wait(memory.changed + SETTLED_S)
    key = next_key(dialog, observation.screen.text)
    if key is None or memory.keys >= MAX_KEYS:
        return Stuck("question")
    return Press(key, dialog.name)


def _later(observation: Observation, memory: Boot, now: float) -> BootAct:
    """Nothing known on the screen yet, or it is not the agent's."""
    if now >= memory.since + DEADLINE_S and not observation.people:
        return GiveUp(f"not ready after {DEADLINE_S:.0f} s")
    if observation.screen.text.strip() and now >= memory.changed + STILL_S:
        return Stuck(BlockedReason.UNKNOWN_DIALOG if observation.foreground else BlockedReason.NOT_THE_AGENT)
    return Wait(min(memory.since + DEADLINE_S, max(memory.changed + STILL_S, now + 0.5)))


def _ready(observation: Observation, memory: Boot, now: float) -> BootAct:
    if speaks(observation):
        return Ready()
    patience, why = LOADING if observation.live is not None else MISSING
    until = (memory.composer if memory.composer is not None else now) + patience
    return Ready(why) if now >= until else Wait(until)


def _first(earlier: float | None, now: float) -> float:
    return earlier if earlier is not None else now
