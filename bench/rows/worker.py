"""From the end of a worker's turn to the first byte of its next task, which gets a fresh session of its own.

Floor: the quiet window after which a worker's session is ended, and the boot of the same agent in a tmux server by
hand until it says that it is idle. Ours ends the old session in between, and types.
"""

from __future__ import annotations

import shutil
import time
from datetime import datetime
from pathlib import Path

from bench import raw
from bench.house import CARELESS, agent_binary, first_stamp, house
from bench.measure import Line, Target, in_turns
from iapeer.model.timing import TIMING
from tests.harness import Agent, Root, wait_for

N = 5
TARGET = Target(ratio=1.2)
STEP_S = 0.001


def run() -> list[Line]:
    """Measure."""
    with raw.scratch() as folder, house(0) as root:
        worker = root.peer("worker", CARELESS, FAKE_TAP="0")
        root.call("PATCH", "/peers/worker", {"fields": {"wake_policy": "ephemeral"}})
        floor, ours = in_turns(
            N, lambda: TIMING.worker.quiet * 1000 + _boot(folder), lambda: _next(root, worker), warm=1
        )
    return [Line("worker", "end of a turn to the first byte of the next task", floor, ours, "ms", N, TARGET)]


def _boot(folder: Path) -> float:
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    began = time.monotonic_ns()
    with raw.server(folder / "pane.sock", ["env", f"FAKE_HOME={home}", str(agent_binary(folder)), CARELESS]):
        while not any(home.glob("state/*.json")):
            time.sleep(STEP_S)
        return (time.monotonic_ns() - began) / 1e6


def _next(root: Root, worker: Agent) -> float:
    """The stamps of bytes tell where the second task begins: after the first one's end, in another session."""
    shift = time.time_ns() - time.monotonic_ns()
    first, second = (root.send(worker.name, text)["id"] for text in ("one", "two"))
    root.until(first, "done")
    ended = _end_of_turn(worker) - shift
    took = (first_stamp(worker.home, "byte", ended) - ended) / 1e6
    root.until(second, "done")
    root.call("GET", f"/peers/{worker.name}/wait", state="asleep")
    return took


def _end_of_turn(worker: Agent) -> int:
    """Nanoseconds since 1970, as the agent wrote it in whole milliseconds: none of the first task's bytes is later."""
    ends = wait_for(lambda: worker.records("turn_end"), "the end of the turn")
    return int(datetime.fromisoformat(ends[-1]["timestamp"]).timestamp() * 1e9) + 1_000_000
