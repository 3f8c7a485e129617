"""Messages a second through every durable transition (accepted, leased, typed, delivered, done) to one idle-fast agent.

Measured from the first `accepted` to the last `done` in the daemon's own events; the senders run beside it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from bench.house import CARELESS, house, live_peer
from bench.measure import Line, Target, median
from bench.rows.deliver import BODY
from bench.web import Web
from tests.harness import Root, wait_for

COUNT, SENDERS, ROUNDS = 300, 4, 3
TARGET = Target(at_least=200)


def run() -> list[Line]:
    """Measure."""
    with house(0) as root:
        live_peer(root, "bench", CARELESS)
        rate = median([_round(root, COUNT * number) for number in range(ROUNDS)])
    return [Line("throughput", f"{COUNT} messages to one draining agent", None, rate, "messages/s", ROUNDS, TARGET)]


def _round(root: Root, before: int) -> float:
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(lambda _: _send(root, COUNT // SENDERS), range(SENDERS)))
    wait_for(lambda: len(root.events("done")) >= before + COUNT, "all of them done", 120)
    began = root.events("accepted")[before]["ts"]
    return float(COUNT / (root.events("done")[-1]["ts"] - began) * 1000)


def _send(root: Root, count: int) -> None:
    with Web(root.socket) as web:
        for _ in range(count):
            web.post("/send", {"to": "bench", "body": BODY})
