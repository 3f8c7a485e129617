"""The decisions while a session starts: which dialog to answer with which key, when it is ready, when to give up."""

from __future__ import annotations

from dataclasses import dataclass, replace

from iapeer.model.causes import BlockedReason
from iapeer.model.timing import BootWaits
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.screen import next_key, start_dialog
from iapeer.sessions.observation import Observation, blocked, speaks

MISSING = "there is no such file although the agent is ready"
LOADING = "it has no status although the agent is ready"
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
    adapter: Adapter, permissions: str, observation: Observation, memory: Boot, now: float, now_ms: int,
    waits: BootWaits, *, live: bool,
) -> BootAct:  # fmt: skip
    """The next act of a start. An unknown dialog is never answered. `live`: the live state is to be waited for."""
    if not observation.foreground:
        return _later(observation, memory, now, waits)
    if observation.screen.composer is None:
        return _before_composer(adapter, permissions, observation, memory, now, waits)
    reason = blocked(observation, now_ms)
    if reason is not None:  # the live state may speak of a dialog before it is drawn
        drawn = memory.waiting + waits.settled if memory.waiting is not None else now
        return Wait(drawn) if now < drawn else Stuck(reason)
    act = _ready(observation, memory, now, waits) if live else Ready()
    settled = (
        _first(memory.rest if live and speaks(observation) else memory.composer, now) + adapter.launch.settle_ms / 1000
    )
    return Wait(settled) if isinstance(act, Ready) and now < settled else act


def _before_composer(
    adapter: Adapter, permissions: str, observation: Observation, memory: Boot, now: float, waits: BootWaits
) -> BootAct:
    dialog = start_dialog(adapter, observation.screen.text)
    if dialog is None:
        return _later(observation, memory, now, waits)
    if dialog.blocked is not None:
        return Stuck(dialog.blocked)
    if dialog.only_with is not None and dialog.only_with != permissions:
        return Stuck("question")
    if memory.pressed == observation.screen.text:  # a key that changes nothing is not pressed twice
        still = memory.changed + waits.still
        return Stuck("question") if now >= still else Wait(still)
    if now < memory.changed + waits.settled:
        return Wait(memory.changed + waits.settled)
    key = next_key(dialog, observation.screen.text)
    if key is None or memory.keys >= MAX_KEYS:
        return Stuck("question")
    return Press(key, dialog.name)


def _later(observation: Observation, memory: Boot, now: float, waits: BootWaits) -> BootAct:
    """Nothing known on the screen yet, or it is not the agent's."""
    if now >= memory.since + waits.deadline and not observation.people:
        return GiveUp(f"not ready after {waits.deadline:.0f} s")
    if observation.screen.text.strip() and now >= memory.changed + waits.still:
        return Stuck(BlockedReason.UNKNOWN_DIALOG if observation.foreground else BlockedReason.NOT_THE_AGENT)
    return Wait(min(memory.since + waits.deadline, max(memory.changed + waits.still, now + waits.look)))


def _ready(observation: Observation, memory: Boot, now: float, waits: BootWaits) -> BootAct:
    if speaks(observation):
        return Ready()
    loading = observation.live is not None
    patience, why = (waits.loading, LOADING) if loading else (waits.missing, MISSING)
    until = (memory.composer if memory.composer is not None else now) + patience
    return Ready(why) if now >= until else Wait(until)


def _first(earlier: float | None, now: float) -> float:
    return earlier if earlier is not None else now
