"""One message to an idle Claude Code and to an idle Codex, until its model is asked.

Floor: the same agent, typed into by a control client by hand: the same text, the adapter's own gap, Enter, no look and
no record. The model servers are fakes on loopback, and the row refuses to run where a real agent could reach more.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench import raw
from bench.house import wait_idle
from bench.measure import Line, Target, in_turns
from bench.rows.deliver import BODY
from fixtures.fake_messages import FakeMessages
from fixtures.fake_responses import FakeResponses
from fixtures.model_script import FakeModel
from iapeer.model.envelope import Envelope, wire
from iapeer.model.ids import uuid7
from iapeer.runtimes.load import read_adapter
from tests.harness import REPO, wait_for
from tests.real.conftest import Models, RealFleet, real_fleet

TITLES = {"claude": "Claude Code", "codex": "Codex"}
TARGET = Target(ratio=1.3, why="two commits, and a look before the paste and before Enter")
N = 15
QUIET_S = 0.5  # a turn that is over still writes for a while
ELSEWHERE = (socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")  # documentation addresses: nobody's


def run() -> list[Line]:
    """Measure; nothing at all where there is a way out of this machine."""
    if any(_reaches(*place) for place in ELSEWHERE):
        print("real: left out, for there is a network here: use `tools/offline .venv/bin/python -m bench real`.",
              file=sys.stderr)  # fmt: skip
        return []
    with FakeMessages() as messages, FakeResponses() as responses, real_fleet(Models(messages, responses)) as fleet:
        fleet.start()
        fleet.claude("claude-bench")
        fleet.codex("codex-bench")
        return [_row(fleet, "claude", messages), _row(fleet, "codex", responses)]


def _reaches(family: socket.AddressFamily, address: str) -> bool:
    """Whether there is a route; nothing is sent."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return False
    return True


def _row(fleet: RealFleet, runtime: str, model: FakeModel) -> Line:
    name = f"{runtime}-bench"
    fleet.send(name, "hello", wait="done")  # the first turn does more: titles, snapshots
    with _by_hand(fleet, runtime) as floor:
        acts = [partial(_asked, fleet, name, model, act) for act in (floor, partial(fleet.send, name, BODY))]
        low, ours = in_turns(N, *acts, warm=2)
    return Line("real", f"one message to an idle {TITLES[runtime]}, its model asked", low, ours, "ms", N, TARGET)


def _asked(fleet: RealFleet, name: str, model: FakeModel, act: Callable[[], object]) -> float:
    """Milliseconds from the act's beginning to the request of its turn, once the agent is at rest again."""
    before, began = _turns(model), time.time()
    act()
    asked = wait_for(lambda: _turns(model)[len(before) :], f"{name}'s model to be asked")[0]
    time.sleep(QUIET_S)
    wait_idle(fleet, name)
    return (asked - began) * 1000


def _turns(model: FakeModel) -> list[float]:
    """When the model was asked for a turn, each time; seconds since 1970."""
    return [request.time for request in model.requests if request.kind == "turn"]


@contextmanager
def _by_hand(fleet: RealFleet, runtime: str) -> Iterator[Callable[[], None]]:
    """The act of a client that knows nothing but when to press Enter."""
    client = raw.attach(Path(fleet.runtime(f"{runtime}-bench")["socket"]))
    gap_s = read_adapter(REPO / "adapters" / f"{runtime}.toml").typing.gap_ms / 1000

    def type_it() -> None:
        text = wire(Envelope(uuid7(time.time()), "operator", "shell", "natural", BODY))
        raw.paste(client, fleet.base / "floor-spool", text.encode())
        time.sleep(gap_s)
        client.command(b"send-keys -t %0 Enter")

    try:
        yield type_it
    finally:
        client.close()
