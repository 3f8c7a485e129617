"""kill -9 at any instant: what was accepted is there, and nothing is half there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from iapeer.model.states import State
from iapeer.store import Store
from iapeer.testing.clock import ManualClock

from .samples import BOB, check_activations

ROOT = Path(__file__).parents[3]
_START = """
import os, signal, sys, time
from pathlib import Path
from iapeer.model.clock import SystemClock
from iapeer.model.states import State
from iapeer.store import NewMessage, Store, SessionRecord
store = Store(Path(sys.argv[1]), SystemClock())
def new(id): return NewMessage(id, "ann", "codex", "artificial", "bob", "claude-bob", "hello")
"""
_ACCEPT_AND_HANG = """
store.peers.add("bob", "/work/bob")
print(store.messages.accept(new("m1")).message, flush=True)
time.sleep(60)
"""
# Kills itself right before the Nth statement that SQLite runs; the observers never hear of what was not committed.
_DIE_AT = """
left = int(sys.argv[2])
def die(statement):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
store.observers.append(lambda event: print(event.ev, event.message, flush=True))
store.database.connection.set_trace_callback(die)
store.messages.accept_many([new("m1"), new("m2")])
row = store.activations.begin("m1", "s1", "{}")
store.activations.mark_typed(row)
store.activations.prove(row, '{"record": 1}')
store.activations.end(row, State.QUEUED, attempt=2, reason="died")
row = store.activations.begin("m1", "s2", "{}")
store.activations.prove(row)
store.peers.remove("bob")
"""


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_a_message_survives_a_kill_right_after_its_acceptance(tmp_path: Path) -> None:
    """The child is killed between the return of `accept` and anything else it could do."""
    path = tmp_path / "a.db"
    child = subprocess.Popen(
        [sys.executable, "-c", _START + _ACCEPT_AND_HANG, path], stdout=subprocess.PIPE, text=True, env=_environment()
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "m1\n"
        child.kill()
    assert child.returncode == -signal.SIGKILL
    store = Store(path, ManualClock(2e9))
    assert store.inbox.next_waiting(BOB).message == "m1"  # type: ignore[union-attr]
    assert [event.ev for event in store.events.page()] == ["peer_added", "accepted"]
    store.close()


def _run(path: Path, statement: int) -> tuple[int, list[str]]:
    Store(path, ManualClock()).close()
    store = Store(path, ManualClock())
    store.peers.add("bob", "/work/bob")
    store.close()
    child = subprocess.run(
        [sys.executable, "-c", _START + _DIE_AT, path, str(statement)],
        capture_output=True,
        text=True,
        env=_environment(),
    )
    return child.returncode, child.stdout.splitlines()


_LEASED = "peer_added accepted accepted leased"
_BACK = f"{_LEASED} typed delivered queued"
# What the file may hold, and the events that go with it: nothing in between.
_WHOLE: dict[str, tuple[State | None, State | None]] = {
    "peer_added": (None, None),
    "peer_added accepted accepted": (State.QUEUED, State.QUEUED),
    f"{_LEASED}": (State.LEASED, State.QUEUED),
    f"{_LEASED} typed": (State.LEASED, State.QUEUED),
    f"{_LEASED} typed delivered": (State.RUNNING, State.QUEUED),
    f"{_BACK}": (State.QUEUED, State.QUEUED),
    f"{_BACK} leased": (State.LEASED, State.QUEUED),
    f"{_BACK} leased delivered": (State.RUNNING, State.QUEUED),
    f"{_BACK} leased delivered dead dead peer_removed": (State.DEAD, State.DEAD),
}


STATEMENTS = range(1, 81)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_kill_at_any_statement_leaves_a_whole_state(tmp_path: Path, statement: int) -> None:
    """Rows and events are those after some number of whole calls, and nobody was told of more than that."""
    path = tmp_path / "a.db"
    code, told = _run(path, statement)
    assert code in (0, -signal.SIGKILL)
    store = Store(path, ManualClock(2e9))
    events = " ".join(event.ev for event in store.events.page())
    rows = store.inbox.row("m1"), store.inbox.row("m2")
    check_activations(store)
    inside = store.database.connection.execute("PRAGMA foreign_key_check").fetchall()
    store.close()
    assert events in _WHOLE
    assert tuple(row and row.state for row in rows) == _WHOLE[events]
    assert inside == []
    assert events.split()[1:][: len(told)] == [line.split()[0] for line in told]


def test_the_kills_reach_from_the_first_statement_to_the_last(tmp_path: Path) -> None:
    """Else the test above proves little: the first is before any change, the last is past the end."""
    assert _run(tmp_path / "a.db", STATEMENTS[0]) == (-signal.SIGKILL, [])
    assert _run(tmp_path / "b.db", STATEMENTS[-4])[0] == -signal.SIGKILL
    assert _run(tmp_path / "c.db", STATEMENTS[-1])[0] == 0
