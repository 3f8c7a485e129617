"""Messages a second through every durable transition (accepted, leased, typed, delivered, done) to one idle-fast agent.

From the first `accepted` to the last `done` in the daemon's own events; the senders run beside it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from bench.house import CARELESS, house, live_peer
from bench.measure import Line, Target, median
from bench.rows.deliver import BODY
from bench.web import Web
from tests.harness import Root

COUNT, SENDERS, ROUNDS = 301, 4, 3
TARGET = Target(
    at_least=200,
    why="a message costs three waits for the disk (accepted, leased, delivered and done) and two looks at "
    "the screen, one before the paste and one before Enter; senders, daemon, tmux and agent share two cores",
)


def run() -> list[Line]:
    """Measure."""
    with house(0) as root:
        live_peer(root, "bench", CARELESS)
        rate = median([_round(root) for _ in range(ROUNDS)])
    return [Line("throughput", f"{COUNT} messages to one draining agent", None, rate, "messages/s", ROUNDS, TARGET)]


def _round(root: Root) -> float:
    before = root.call("GET", "/events", kind="accepted", limit=10_000)["next"]
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(lambda _: _send(root, (COUNT - 1) // SENDERS), range(SENDERS)))
    with Web(root.socket) as web:  # the last in line, so all of them are done after it
        web.post("/send", {"to": "bench", "body": BODY, "wait": "done", "timeout_s": 300})
    events = root.call("GET", "/events", after=before, kind="accepted,done", limit=10_000)["events"]
    done = [event["ts"] for event in events if event["ev"] == "done"]
    return float(len(done) / (done[-1] - events[0]["ts"]) * 1000)


def _send(root: Root, count: int) -> None:
    with Web(root.socket) as web:
        for _ in range(count):
            web.post("/send", {"to": "bench", "body": BODY})
