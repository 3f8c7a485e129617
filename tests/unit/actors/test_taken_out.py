"""What stood in the composer and does not any more, and a record that goes on growing: decisions over several looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from iapeer.actors.delivery.decide import Act, Doubt, Enter, Over, Wait, delivery, turn
from iapeer.actors.delivery.memory import Memory, remember
from iapeer.actors.delivery.settle import Evidence, Trace
from iapeer.model.states import State
from iapeer.model.timing import DeliveryWaits
from iapeer.runtimes.livestate import Live
from iapeer.runtimes.records import Turn
from iapeer.sessions.observation import Observation
from tests.unit.actors.observations import ARRIVED, BUSY, IDLE, KEY, MARK, NOW_MS, OPEN, observation, view

L = DeliveryWaits(gap=0.3, retry=1.5, enters=3, proof=10.0, settle=120.0, grace=5.0)
T0 = 1000.0
OURS = observation(pasted=MARK, ours=True, screen=view("tail"))
MIXED = observation(pasted=MARK, screen=view("tail and more"))
EMPTY = observation(pasted=MARK)
WORKS = observation(pasted=MARK, live=BUSY)
TAKEN_OUT = Over(Evidence(Trace.TAKEN_OUT))
ANOTHERS = Turn(opened=5, closed=6, outcome="done")
Look = tuple[float, Observation]


def _after(*looks: Look, state: State = State.LEASED) -> Act:
    """What is decided at the last of these looks, seconds after the paste."""
    memory = Memory(MARK, since=T0, pasted=T0)
    for at, seen in looks:
        memory = remember(memory, seen, T0 + at)
    at, seen = looks[-1]
    return delivery(state, KEY, seen, memory, T0 + at, NOW_MS, L)


@pytest.mark.parametrize(
    "between",
    [
        [],
        [(0.3, MIXED)],
        [
            (0.3, observation(pasted=MARK, screen=view("their own"))),
            (0.5, observation(pasted=MARK, screen=view("their own"))),
        ],
        [(0.4, WORKS), (0.9, replace(WORKS, turn=Turn(open=True, opened=5))), (1.0, replace(WORKS, turn=ANOTHERS))],
        [(0.4, replace(MIXED, live=None))],
    ],
)
def test_text_that_was_taken_out(between: Sequence[Look]) -> None:
    """It stood there, no Enter was pressed, nothing is on record, and the agent is at rest: another attempt."""
    last = replace(between[-1][1], screen=view(), live=IDLE) if between else EMPTY
    looks = [(0.1, OURS), *between, (1.2, last)]
    assert _after(*looks) == Wait(T0 + 6.2)
    assert _after(*looks, (6.19, last)) == Wait(T0 + 6.2)
    assert _after(*looks, (6.2, last)) == TAKEN_OUT
    assert _after(*looks, (11, last), state=State.UNKNOWN) == TAKEN_OUT


@pytest.mark.parametrize(
    "looks",
    [
        [(0.1, EMPTY)],  # never seen: a program that hangs has it before itself, and takes it later
        [(0.1, MIXED)],
        [(0.1, OURS), (0.5, replace(EMPTY, submitted=f"{MARK}:1"))],
        [(0.1, OURS), (0.5, replace(EMPTY, foreground=False))],
        [(0.1, OURS), (0.5, replace(EMPTY, in_mode=True))],
        [(0.1, OURS), (0.5, replace(EMPTY, screen=view(None)))],
        [(0.1, OURS), (0.5, replace(EMPTY, pasted="m0:1"))],
        [(0.1, OURS), (0.3, WORKS), (0.5, EMPTY)],  # a person pressed Enter, perhaps: work that is on no record
        [(0.1, OURS), (0.3, replace(EMPTY, screen=view(busy=True))), (0.5, EMPTY)],
        [(0.1, OURS), (0.5, replace(EMPTY, live=None, turn=OPEN))],
    ],
)
def test_text_that_may_have_been_taken(looks: Sequence[Look]) -> None:
    """Whatever may mean that the agent has it, or will: it is not typed again."""
    assert _after(*looks, (9, looks[-1][1])) != TAKEN_OUT
    assert _after(*looks, (50, looks[-1][1]), (99, looks[-1][1])) != TAKEN_OUT


def test_text_that_a_person_submitted() -> None:
    """On record, it is proven, whoever pressed Enter."""
    assert _after((0.1, OURS), (0.3, EMPTY), (9, replace(EMPTY, turn=Turn(arrived=ARRIVED)))) != TAKEN_OUT


def test_a_composer_that_empties_for_a_moment() -> None:
    """A redraw: it is ours again, and is submitted."""
    assert _after((0.1, OURS), (0.2, EMPTY), (0.4, OURS)) == Enter(1)


def test_a_persons_text_in_place_of_ours_is_waited_for() -> None:
    """However long it stands there: the message is in doubt, and not given up."""
    looks = [(0.1, OURS), (0.3, MIXED)]
    assert _after(*looks, (10, MIXED)) == Doubt(State.UNKNOWN)
    assert _after(*looks, (500, MIXED), state=State.UNKNOWN) == Wait(None)
    assert _after(*looks, (500, EMPTY), (505, EMPTY), state=State.UNKNOWN) == TAKEN_OUT


@pytest.mark.parametrize("live", [IDLE, Live("background"), None])
def test_a_record_that_goes_on_belies_rest(live: Live | None) -> None:
    """A live state, or a screen, that shows an agent at rest in mid-turn fails nothing while the record grows."""
    grace = L.grace if live is not None else L.silence
    memory, now = Memory(MARK, since=T0, entered=T0), T0
    for count in range(20):
        now = T0 + count * (grace - 1)
        seen = observation(pasted=MARK, live=live, turn=OPEN, read=100 * count)
        memory = remember(memory, seen, now)
        assert turn(KEY, seen, memory, now, L) == Wait(now + grace)
    memory = remember(memory, seen, now + grace)
    assert turn(KEY, seen, memory, now + grace, L) == Over(Evidence(Trace.PROVEN))
