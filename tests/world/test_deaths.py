"""What a daemon remembers of deaths that an earlier one saw, or nobody; in virtual time, on a machine that reboots."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from iapeer.model.states import State
from tests.world.history import History, Op

BOB = "fake-bob"
CRASH: Op = {
    "op": "send", "to": "bob", "body": "@@CRASH@@", "topic": None, "urgent": False, "delay": None, "expires": None,
    "asks": False, "pause": 5.0,
}  # fmt: skip
HELLO = CRASH | {"body": "hello"}
RESTART: Op = {"op": "daemon", "does": "restart", "pause": 1.0}
REBOOT: Op = {"op": "reboot", "pause": 1.0}
UNSEEN: list[Op] = [
    {"op": "daemon", "does": "stay down", "pause": 0.0},
    {"op": "end", "who": "bob", "what": "agent", "pause": 1.0},
    RESTART,
]


@pytest.fixture
def history() -> Iterator[History]:
    made = History({"ann": "fake", "bob": "fake"})
    yield made
    made.close()


def _play(history: History, *happens: Op) -> None:
    for op in happens:
        history.play(op)


def _held(history: History) -> bool:
    """Whether bob is left down, and what waits for him held."""
    _play(history, HELLO)
    assert history.life is not None
    (*_, last) = history.life.store.inbox.recent("bob")
    held = (last.state, last.reason) == (State.HELD, "guard")
    assert held or last.state is State.DONE, last
    return held


def test_deaths_seen_by_two_daemons_add_up(history: History) -> None:
    """Two, a new daemon, and the third leaves him down; what waits comes once the wait is over."""
    _play(history, CRASH, CRASH, RESTART)
    assert not _held(history)
    _play(history, CRASH)
    assert _held(history)
    history.become_quiet()


def test_a_death_that_nobody_saw_counts(history: History) -> None:
    """He died while there was no daemon."""
    _play(history, CRASH, CRASH, HELLO, *UNSEEN)
    assert _held(history)
    history.become_quiet()


def test_a_new_daemon_goes_on_with_the_wait(history: History) -> None:
    """It is neither begun anew nor cut short: 30 s after the third death he is tried again."""
    _play(history, CRASH, CRASH, CRASH, {"op": "wait", "seconds": 15.0, "pause": 0.0}, RESTART)
    assert _held(history)
    _play(history, {"op": "wait", "seconds": 15.0, "pause": 0.0})
    assert not _held(history)


def test_what_was_before_a_reboot_is_forgotten(history: History) -> None:
    """By a wait too: another machine, as far as anybody knows."""
    _play(history, CRASH, CRASH, REBOOT, CRASH)
    assert not _held(history)
    _play(history, CRASH, CRASH)
    assert _held(history)
    _play(history, REBOOT)
    assert not _held(history)


def test_a_session_that_a_reboot_ended_is_no_death(history: History) -> None:
    """However often that happens."""
    for _ in range(4):
        _play(history, HELLO, REBOOT)
    assert not _held(history)
