"""What durability costs: one act of the store against one fdatasync of 1 KB, on the same disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from bench import raw
from bench.measure import Line, Target, in_turns, timed
from iapeer.model.clock import SystemClock
from iapeer.model.ids import uuid7
from iapeer.model.states import State
from iapeer.store import NewMessage, Row, SessionRecord, Store

BODY = "x" * 1024
EACH = Target(
    ratio=1.6,
    why="besides the disk an act costs 0.2 ms of Python and SQL (the row is read, checked, written, and its event "
    "with it), which counts where the disk is fast",
)
BURST = Target(
    at_least=20_000, why="a row is four statements (peer, message, inbox, event) on a dozen indexes, and two JSON texts"
)
BATCH = 1000


def run() -> list[Line]:
    """Measure."""
    with raw.scratch() as folder:
        clock = SystemClock()
        store = Store(folder / "iapeer.db", clock)
        try:
            store.peers.add("bench", str(folder))
            store.sessions.open(_session(int(clock.wall() * 1000)))
            return [*_each(store, folder, 500), _burst(store, 10)]
        finally:
            store.close()


def _session(now: int) -> SessionRecord:
    return SessionRecord(
        id="s", identity="fake-bench", personality="bench", mode="fresh", cause="bench", folder="/", started_ms=now
    )


def _message() -> NewMessage:
    return NewMessage(
        id=uuid7(SystemClock().wall()), sender="operator", sender_runtime="shell", sender_intelligence="natural",
        to="bench", identity="fake-bench", body=BODY,
    )  # fmt: skip


def _each(store: Store, folder: Path, n: int) -> list[Line]:
    log = os.open(folder / "log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        floor, *ours = in_turns(n, timed(lambda: _append(log)), *map(timed, _acts(store)), warm=20)
    finally:
        os.close(log)
    names = ("put: accept a message of 1 KB", "claim: lease the next one", "ack: it is done")
    return [Line("store", name, floor, value, "ms", n, EACH) for name, value in zip(names, ours, strict=True)]


def _append(log: int) -> None:
    os.write(log, BODY.encode())
    os.fdatasync(log)


def _acts(store: Store) -> list[Callable[[], object]]:
    """Put, claim and ack of one message after the other."""
    held: list[Row] = []

    def claim() -> None:
        waiting = store.inbox.next_waiting("fake-bench")
        assert waiting is not None
        held.append(store.activations.begin(waiting.message, "s", "{}"))

    def ack() -> None:
        store.activations.end(held.pop(), State.FAILED, outcome="bench", error="bench")

    return [lambda: store.messages.accept(_message()), claim, ack]


def _burst(store: Store, n: int) -> Line:
    def burst() -> float:
        news = [_message() for _ in range(BATCH)]
        return BATCH / timed(lambda: store.messages.accept_many(news))() * 1000

    (rate,) = in_turns(n, burst, warm=1)
    return Line("store", f"bursts of {BATCH} in one commit", None, rate, "rows/s", n, BURST)
