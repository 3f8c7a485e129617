"""What a backlog costs: the same acts with ten messages waiting for one identity, and with up to a million.

Floor: ten waiting. Ours: as many as the line says, in a file of its own on the same disk.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import raw
from bench.measure import Act, Line, Target, in_turns, timed
from iapeer.model.clock import SystemClock
from iapeer.model.holds import HoldCause
from iapeer.model.states import State
from iapeer.store import SessionRecord, Store

WHO, FEW, SIZES = "fake-bench", 10, (1000, 100_000, 1_000_000)
N = 100
FLAT = Target(ratio=1.2, why="the disk: every claim is two commits, in a file of its own for each size")
SOON = Target(ratio=2, at_most=1)


def run() -> list[Line]:
    """Measure."""
    with raw.scratch() as folder, contextlib.ExitStack() as open_:
        few, *many = [open_.enter_context(_backlog(folder / f"{size}.db", size)) for size in (FEW, *SIZES)]
        floor, *claims = in_turns(N, *(_claim(store) for store in (few, *many)), warm=5)
        acts = [act for _, each in COUNTED for act in (_counted(few, each), _counted(many[-1], each))]
        counts = in_turns(N, *acts)
    return [
        *(Line("backlog", f"claim and put back, of {size:,}", floor, ours, "ms", N, FLAT)
          for size, ours in zip(SIZES, claims, strict=True)),
        *(Line("backlog", f"{what}, of {SIZES[-1]:,}", low, high, "ms", N, SOON)
          for (what, _), low, high in zip(COUNTED, counts[::2], counts[1::2], strict=True)),
    ]  # fmt: skip


# What a send, `iapeer list`, a restart and `iapeer status` ask of every identity or of the whole.
COUNTED: tuple[tuple[str, Callable[[Store], object]], ...] = (
    ("how many wait for one", lambda store: store.inbox.depth(WHO)),
    ("for whom any wait", lambda store: store.inbox.waiting_identities()),
    ("how many are in each state", lambda store: store.inbox.counts()),
    ("what a stop holds, nothing", lambda store: store.holds.release("bench", HoldCause.AWAITED)),
)


def _counted(store: Store, each: Callable[[Store], object]) -> Act:
    return timed(lambda: each(store))


def _claim(store: Store) -> Act:
    def claim() -> None:
        waiting = store.inbox.next_waiting(WHO)
        assert waiting is not None
        store.activations.end(store.activations.begin(waiting.message, "s", "{}"), State.QUEUED)

    return timed(claim)


@contextlib.contextmanager
def _backlog(path: Path, size: int) -> Iterator[Store]:
    store = Store(path, SystemClock())
    try:
        store.peers.add("bench", str(path))
        now = time.time_ns() // 10**6
        store.sessions.open(
            SessionRecord(
                id="s", identity=WHO, personality="bench", mode="fresh", cause="b", folder="/", started_ms=now
            )
        )
        _fill(store, size, now)
        yield store
    finally:
        store.close()


def _fill(store: Store, size: int, now: int) -> None:
    """So many rows at once, without waiting for the disk."""
    sql = store.database.connection
    sql.execute("PRAGMA synchronous = OFF")
    sql.execute("BEGIN")
    sql.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
        "INSERT INTO messages (id, sender, sender_runtime, sender_intelligence, addressee, kind, body, attachments, "
        "fingerprint, created_ms) SELECT printf('m%08d', i), 'operator', 'shell', 'natural', 'bench', 'work', x'78', "
        "'[]', '', ? FROM n",
        (size, now),
    )
    sql.execute(
        "INSERT INTO inbox (message, identity, personality, state, created_ms, updated_ms) "
        "SELECT id, ?, 'bench', 'queued', ?, ? FROM messages ORDER BY id",
        (WHO, now, now),
    )
    sql.execute("INSERT INTO tally VALUES (?, 'queued', ?)", (WHO, size))
    sql.execute("COMMIT")
    sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sql.execute("PRAGMA synchronous = FULL")
