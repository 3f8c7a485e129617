"""What a fleet of 200 costs against a fleet of 10: two houses, each with a live peer, all others asleep.

Floor: the fleet of 10. Ours: the fleet of 200, the same act in turns.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial

from bench.house import CARELESS, first_stamp, house, live_peer, wait_idle
from bench.measure import Act, Line, Target, in_turns, median, timed
from bench.rows.cli import SCRIPT
from bench.rows.deliver import BODY
from bench.web import Web, get_bytes
from tests.harness import Agent, Root, wait_for

FEW, MANY = 10, 200
FLAT = Target(ratio=2)
GROWS = Target(at_most=50, why="each peer is asked how it is, and its profile whether it changed")


def run() -> list[Line]:
    """Measure."""
    with _fleet(FEW) as few, _fleet(MANY) as many:
        return [
            _line("`iapeer list`, the whole process", (few, many), _listed, 15, FLAT),
            _line("GET /peers", (few, many), _asked, 50, GROWS),
            _line("a message until its first byte", (few, many), _sent, 40, FLAT),
            *_slept(few, many, 6),
        ]


@contextlib.contextmanager
def _fleet(count: int) -> Iterator[tuple[Root, Agent]]:
    with house(0) as root:
        for number in range(count - 1):
            root.peer(f"asleep-{number:03}")
        yield root, live_peer(root, "live", CARELESS)


def _line(
    what: str, fleets: tuple[tuple[Root, Agent], ...], act: Callable[[Root, Agent], float], n: int, target: Target
) -> Line:
    acts: list[Act] = [partial(act, *fleet) for fleet in fleets]
    few, many = in_turns(n, *acts, warm=2)
    return Line("fleet", f"{what}: {MANY} peers", few, many, "ms", n, target)


def _listed(root: Root, _: Agent) -> float:
    argv = [str(SCRIPT), "list"]
    return timed(lambda: subprocess.run(argv, env=root.env, check=True, stdout=subprocess.DEVNULL))()


def _asked(root: Root, _: Agent) -> float:
    with Web(root.socket) as web:
        return timed(lambda: web.ask(get_bytes("/peers")))()


def _sent(root: Root, agent: Agent) -> float:
    with Web(root.socket) as web:
        began = time.monotonic_ns()
        sent = web.post("/send", {"to": agent.name, "body": BODY})
        took = (first_stamp(agent.home, "byte", began) - began) / 1e6
        root.until(sent["id"], "done")
        wait_idle(root, agent.name)
        return took


def _slept(few: tuple[Root, Agent], many: tuple[Root, Agent], n: int) -> list[Line]:
    """Parked after a second of rest, and woken: by the times in the daemon's own events, to the millisecond."""
    for root, agent in (few, many):
        root.call("PATCH", f"/peers/{agent.name}", {"fields": {"idle_secs": 1}})
    woken: dict[int, list[float]] = {FEW: [], MANY: []}
    parks = [partial(_parked, *fleet, woken[count]) for count, fleet in ((FEW, few), (MANY, many))]
    low, high = in_turns(n, *parks, warm=1)
    wakes = median(woken[FEW]), median(woken[MANY])
    return [
        Line("fleet", f"parking until the session is over: {MANY} peers", low, high, "ms", n, FLAT),
        Line("fleet", f"waking until it takes input: {MANY} peers", *wakes, "ms", n, FLAT),
    ]


def _parked(root: Root, agent: Agent, woken: list[float]) -> float:
    before = len(root.events("session_ended"))
    root.call("POST", f"/peers/{agent.name}/start", {})
    woken.append(float(root.events("ready")[-1]["ts"] - root.events("wake")[-1]["ts"]))
    over = wait_for(lambda: root.events("session_ended")[before:], "the session to be put to sleep")[0]
    return float(over["ts"] - root.events("parking")[-1]["ts"])
