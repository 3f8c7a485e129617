"""What fifty live, idle peers cost among 200 that sleep: daemon, control clients, tmux servers and their pane logs.

The agents are left out. Floor: fifty idle tmux servers alone, over the same seconds. What sleepers cost is told by two
more daemons beside it: one with 200 of them, and as its floor one with no peer at all. CPU is the kernel's own account
of time on a core.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import raw
from bench.house import house
from bench.measure import Line, Target
from bench.rows.submit import GAP_MS, MANY, peers
from tests.harness import Agent, Root

SECONDS, SETTLE = 60.0, 5.0  # one slow heartbeat of the daemon (60 s) is always in it
MB = 1 << 20
CPU = Target(
    at_most=0.5, why="uvicorn wakes ten times a second for each of its two servers, and the slow heartbeat looks at all"
)
ASLEEP = 200
NOTHING = Target(ratio=1.25, why="the slow heartbeat asks each of them whether a message waits")


@dataclass(frozen=True)
class Cost:
    """The processes beside the agents, by their part."""

    daemon: int
    servers: list[int]
    clients: list[int]
    logs: list[int]

    @property
    def per_peer(self) -> list[int]:
        return [*self.servers, *self.clients, *self.logs]


def run() -> list[Line]:
    """Measure."""
    with house(GAP_MS) as root:
        agents = peers(root, MANY)
        _sleepers(root)
        time.sleep(SETTLE)
        cost = _processes(root, agents)
        memory = sum(map(_pss, cost.per_peer)) / MANY / MB
        daemon = _pss(cost.daemon) / MB
        with _servers(MANY) as floor, _two_daemons() as (empty, asleep):
            floor_memory = sum(map(_pss, floor)) / MANY / MB
            floor_cpu, cpu, *two = _busy((floor, [cost.daemon, *cost.per_peer], [empty], [asleep]))
            sizes = [_pss(pid) / MB for pid in (empty, asleep)]
    helpers = len(cost.per_peer) / MANY
    return [
        Line("idle", f"CPU of {MANY} idle and {ASLEEP} sleeping peers, of a core", floor_cpu, cpu, "%", 1, CPU),
        Line("idle", f"CPU of a daemon with {ASLEEP} sleeping peers only", two[0], two[1], "%", 1, NOTHING),
        Line("idle", f"PSS of a daemon with {ASLEEP} sleeping peers only", sizes[0], sizes[1], "MB", 1, NOTHING),
        Line("idle", "processes a peer beside the agent", 1, helpers, "", 1, Target(at_most=3)),
        Line("idle", "PSS a peer beside the agent", floor_memory, memory, "MB", 1, Target(at_most=2)),
        Line("idle", "PSS of the daemon", None, daemon, "MB", 1, Target(at_most=120)),
    ]


@contextlib.contextmanager
def _two_daemons() -> Iterator[tuple[int, int]]:
    """One without peers, and one whose peers all sleep."""
    with house(GAP_MS) as empty, house(GAP_MS) as asleep:
        _sleepers(asleep)
        time.sleep(SETTLE)
        yield _daemon(empty), _daemon(asleep)


def _sleepers(root: Root) -> None:
    for number in range(ASLEEP):
        root.peer(f"asleep-{number:03}")
    root.call("GET", "/peers")  # whoever was looked at once has an actor


def _daemon(root: Root) -> int:
    assert root.daemon is not None
    return root.daemon.pid


def _processes(root: Root, agents: list[Agent]) -> Cost:
    servers = [_parent(agent.pid) for agent in agents]
    spare = {agent.pid for agent in agents}
    clients = [child.pid for child in psutil.Process(_daemon(root)).children(recursive=True)]
    logs = [child.pid for server in servers for child in psutil.Process(server).children() if child.pid not in spare]
    return Cost(_daemon(root), servers, [pid for pid in clients if pid not in {*servers, *logs, *spare}], logs)


def _parent(pid: int) -> int:
    parent = psutil.Process(pid).parent()
    assert parent is not None
    return parent.pid


@contextlib.contextmanager
def _servers(count: int) -> Iterator[list[int]]:
    with raw.scratch() as folder:
        sockets = [folder / f"{number}.sock" for number in range(count)]
        for socket in sockets:
            raw.tmux(socket, "new-session", "-d", "-s", "main", "-x", "200", "-y", "50", "cat")
        yield [int(raw.tmux(socket, "display-message", "-p", "#{pid}")) for socket in sockets]


def _busy(groups: Iterable[list[int]]) -> list[float]:
    """Percent of a core that each group uses over the same seconds."""
    measure: list[Callable[[], int]] = [lambda group=group: sum(map(_on_core, group)) for group in groups]  # type: ignore[misc]
    before = [total() for total in measure]
    began = time.monotonic_ns()
    time.sleep(SECONDS)
    after = [total() for total in measure]
    span = time.monotonic_ns() - began
    return [(now - then) / span * 100 for then, now in zip(before, after, strict=True)]


def _on_core(pid: int) -> int:
    """Nanoseconds that all threads of a process have run."""
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def _pss(pid: int) -> int:
    """Bytes of memory, what is shared counted by its share."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
