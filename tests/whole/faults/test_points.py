"""The daemon is killed at each named point of a delivery, and the next one settles the message rightly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from iapeer.testing.faults import POINTS
from tests.harness import Root, throw_away_root
from tests.whole.faults.kit import expected, live, only_message, send_and_lose


@pytest.fixture(scope="module")
def house() -> Iterator[Root]:
    """One root for all points: each test has a peer of its own."""
    with throw_away_root() as made:
        made.start()
        yield made


def spool(root: Root) -> list[str]:
    return [path.name for path in (root.base / "root" / "state" / "spool").iterdir()]


@pytest.mark.parametrize("point", POINTS)
def test_killed_while_delivering_to_a_live_session(house: Root, point: str) -> None:
    """The message is done, in the same session of the same agent, once in its record and once in its terminal."""
    name = "live-" + point.replace(":", "-")
    agent = house.peer(name)
    first = live(house, agent)
    pid, before = agent.pid, agent.typed()
    house.kill()

    house.start(fault=point)
    send_and_lose(house, name, f"at {point}")
    house.wait_dead()
    house.start()

    ident = only_message(house, f"at {point}")
    row = house.until(ident, "done", "failed", "dead")["row"]
    assert (row["state"], row["attempt"], row["session"]) == ("done", 1, first["session"])
    assert agent.typed() == before + expected(ident, f"at {point}")
    assert [turn.id for turn in agent.turns()] == [first["id"], ident]
    assert agent.pid == pid
    assert spool(house) == []
    steps = house.steps(ident)
    assert (steps.count("leased"), steps.count("delivered"), steps[-1]) == (1, 1, "done")
    assert live(house, agent, "and on")["session"] == first["session"]
    house.call("POST", f"/peers/{name}/stop", {})


@pytest.mark.parametrize("point", [point for point in POINTS if point.partition(":")[0] in ("lease", "paste", "enter")])
def test_killed_while_delivering_to_a_sleeping_peer(house: Root, point: str) -> None:
    """The first message of a session is settled the same way: one session, one frame, one turn."""
    name = "asleep-" + point.replace(":", "-")
    agent = house.peer(name)
    house.kill()

    house.start(fault=point)
    send_and_lose(house, name, f"first at {point}")
    house.wait_dead()
    house.start()

    ident = only_message(house, f"first at {point}")
    row = house.until(ident, "done", "failed", "dead")["row"]
    assert (row["state"], row["attempt"]) == ("done", 1)
    assert agent.typed() == expected(ident, f"first at {point}")
    assert [turn.id for turn in agent.turns()] == [ident]
    assert len(house.events("wake", peer=name)) == 1
    assert spool(house) == []
    house.call("POST", f"/peers/{name}/stop", {})
