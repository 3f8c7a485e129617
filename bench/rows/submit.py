"""From the request to the agent's taking the message, with the gap that Claude Code needs between paste and Enter.

The floor is that gap itself: nobody can be faster. One message to one idle agent, and fifty to fifty at once.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from bench.house import first_stamp, house, live_peer, wait_idle
from bench.measure import Line, Target, in_turns, median
from bench.rows.deliver import BODY
from bench.web import Web
from iapeer.runtimes.load import read_adapter
from tests.harness import REPO, Agent, Root

GAP_MS = read_adapter(REPO / "adapters" / "claude.toml").typing.gap_ms
MANY = 50
ONE = Target(ratio=1.3, why="the looks before the paste and before Enter")
ALL = Target(at_most=1000, why="fifty looks, pastes and commits share one thread and one disk, and then fifty more")


def run() -> list[Line]:
    """Measure."""
    with house(GAP_MS) as root:
        agents = peers(root, MANY)
        (one,) = in_turns(15, lambda: _one(root, agents[0]), warm=1)
        last = median([_all(root, agents) for _ in range(5)])
    return [
        Line("submit", "one message to an idle agent, submitted", GAP_MS, one, "ms", 15, ONE),
        Line("submit", f"burst of {MANY} to {MANY} fake peers, last submitted", GAP_MS, last, "ms", 5, ALL),
    ]


def peers(root: Root, count: int) -> list[Agent]:
    """So many live, idle agents."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda number: live_peer(root, f"p{number:02}"), range(count)))


def _one(root: Root, agent: Agent) -> float:
    with Web(root.socket) as web:
        return _submitted(web, root, agent)


def _submitted(web: Web, root: Root, agent: Agent) -> float:
    began = time.monotonic_ns()
    web.post("/send", {"to": agent.name, "body": BODY})
    took = (first_stamp(agent.home, "submit", began) - began) / 1e6
    wait_idle(root, agent.name)
    return took


def _all(root: Root, agents: list[Agent]) -> float:
    webs = [Web(root.socket) for _ in agents]
    with ThreadPoolExecutor(len(agents)) as pool:
        began = time.monotonic_ns()
        list(pool.map(partial(_post, root), webs, agents))
    last = max(first_stamp(agent.home, "submit", began) for agent in agents)
    for agent in agents:
        wait_idle(root, agent.name)
    return (last - began) / 1e6


def _post(_: Root, web: Web, agent: Agent) -> None:
    with web:
        web.post("/send", {"to": agent.name, "body": BODY})
