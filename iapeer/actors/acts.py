"""What an actor may do next: values that a policy answers with. `perform` has a coroutine for each."""

from __future__ import annotations

from dataclasses import dataclass

from iapeer.actors.delivery.decide import Act as DeliveryAct
from iapeer.actors.lifecycle.boot import BootAct
from iapeer.model.causes import ArmReason, EndCause, WaitReason
from iapeer.store import Row


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do before `until` (monotonic seconds; None: before something happens)."""

    until: float | None = None


@dataclass(frozen=True, slots=True)
class Settle:
    """The session of the row in flight is over: move the row to where it belongs by what that session left."""

    row: Row


@dataclass(frozen=True, slots=True)
class LetIn:
    """No person keeps a worker's tasks out any more: let a part of them wait again."""


@dataclass(frozen=True, slots=True)
class KeepOut:
    """A person is at the worker's session: hold a part of the tasks that wait."""


@dataclass(frozen=True, slots=True)
class ReleaseGuarded:
    """The guard leaves the identity down no more: let a part of what it held wait again."""


@dataclass(frozen=True, slots=True)
class HoldGuarded:
    """The guard leaves the identity down: hold a part of what waits."""


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """The asker of this answer has ended: keep the answer to be read."""

    row: Row


# ---- while there is no session


@dataclass(frozen=True, slots=True)
class Relaunch:
    """The agent gave its session up for a fresh one: have that launched, in the runtime that is meant now."""


@dataclass(frozen=True, slots=True)
class WakeEagerly:
    """Launch a fresh session, though nothing may wait for it."""


@dataclass(frozen=True, slots=True)
class WakeFor:
    """Launch or resume a session for this row."""

    row: Row


# ---- what adds to the facts, after which the policy is asked again


@dataclass(frozen=True, slots=True)
class Look:
    """Look at the whole session."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Read when the helpers of the session last recorded something."""


@dataclass(frozen=True, slots=True)
class Arm:
    """The worker's session has given what was wanted of it, for this reason."""

    why: ArmReason


# ---- with a session


@dataclass(frozen=True, slots=True)
class Record:
    """The transcript alone decides about the row in flight: do that."""

    row: Row
    act: DeliveryAct


@dataclass(frozen=True, slots=True)
class Conclude:
    """The agent has ended by itself: clear away what is left, and record the end."""


@dataclass(frozen=True, slots=True)
class Start:
    """Go on with the session's start."""

    act: BootAct


@dataclass(frozen=True, slots=True)
class GoOn:
    """Go on with the delivery of the row in flight; look again at `until` at the latest."""

    row: Row
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """Type the row, if the composer is free; look again at `until` at the latest."""

    row: Row
    until: float | None = None


@dataclass(frozen=True, slots=True)
class PutOff:
    """Note on the row why it is not typed yet, and rest until then."""

    row: Row
    reason: WaitReason
    until: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The agent asked for a fresh session in place of its own: end this one."""


@dataclass(frozen=True, slots=True)
class Park:
    """Put the session to sleep."""


@dataclass(frozen=True, slots=True)
class Reap:
    """End the worker's session by the rules: reaped | unarmed | timeout."""

    cause: EndCause


Learning = Look | Listen | Arm
Act = (
    Rest | Settle | LetIn | KeepOut | ReleaseGuarded | HoldGuarded | FileAnswer | Relaunch | WakeEagerly | WakeFor
    | Learning | Record | Conclude | Start | GoOn | Begin | PutOff | GiveUp | Park | Reap
)  # fmt: skip
