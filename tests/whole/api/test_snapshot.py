"""The snapshot: everything at one moment, from which a view follows the stream without a gap."""

from __future__ import annotations

import random
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer.api.snapshot import MOST_MESSAGES, Snapshot, snapshot_answer
from iapeer.model.ids import uuid7
from iapeer.model.states import State
from iapeer.store import NewMessage
from tests.harness import Root
from tests.viewer import Viewer
from tests.whole.api.inside import Inside, served
from tests.whole.api.raw import stream
from tests.whole.api.test_events import read


@pytest.fixture
def inside() -> Iterator[Inside]:
    """A fleet in this process."""
    with tempfile.TemporaryDirectory(prefix="iap-", dir="/tmp") as base, served(Path(base)) as made:
        yield made


def happen(root: Root, seed: int) -> None:
    """Messages, sleep and waking, peers that come, move and go."""
    chance = random.Random(seed)
    for number in range(12):
        root.send(chance.choice(("alpha", "beta")), chance.choice(("hello", "@@ERROR no@@", "@@SLOW 0.1@@")))
        verb = chance.choice(("stop", "start", "refresh", "new"))
        root.call("POST", f"/peers/{chance.choice(('alpha', 'beta'))}/{verb}", {})
        if number % 4 == 0:
            (folder := root.base / f"p{number}").mkdir()
            root.call("POST", "/peers", {"dir": str(folder), "runtime": "fake"})
            root.send(f"p{number}", "for later", at_ms=4_000_000_000_000)
            moved = folder.rename(root.base / f"q{number}")
            root.call("POST", f"/peers/p{number}/move", {"dir": str(moved)})
        if number % 8 == 4:
            root.call("DELETE", f"/peers/p{number}", force=1)


def test_views_that_join_at_any_moment_end_as_a_new_one(fleet: Root) -> None:
    """Each follows the stream from its own snapshot's number on, and then shows what a fresh snapshot says."""
    fleet.peer("alpha")
    fleet.peer("beta")
    happening = threading.Thread(target=happen, args=(fleet, 1))
    happening.start()
    viewers = [Viewer.of(fleet.call("GET", "/snapshot"))]
    while happening.is_alive():
        snapshot = fleet.call("GET", "/snapshot")
        if snapshot["seq"] > viewers[-1].seq:
            viewers.append(Viewer.of(snapshot))
    happening.join()
    assert len(viewers) > 20
    for name in ("alpha", "beta"):
        fleet.call("POST", f"/peers/{name}/stop", {})
    last = fleet.call("GET", "/snapshot")
    for viewer in viewers:
        with stream(fleet.socket, f"after={viewer.seq}") as answer:
            events = read(answer)
            while viewer.seq < last["seq"]:
                viewer.follow(next(events))
        viewer.check(last)


def test_what_is_left_out_is_counted(inside: Inside) -> None:
    """The oldest are shown, with how they begin and why they wait; final ones are not among them."""
    store = inside.fleet.context.store

    def accept() -> Snapshot:
        with store.together():
            for number in range(MOST_MESSAGES + 20):
                store.messages.accept(
                    NewMessage(uuid7(float(number)), "operator", "cli", "natural", "alpha", "fake-alpha", "ö" * 2000)
                )
            for row in store.inbox.recent("alpha", 0)[:3]:
                store.inbox.move(row.message, State.CANCELLED)
        return snapshot_answer(inside.api, None)

    snapshot = inside.do(accept)
    assert (len(snapshot["messages"]), snapshot["more"]) == (MOST_MESSAGES, 17)
    assert [row["seq"] for row in snapshot["messages"]] == list(range(4, MOST_MESSAGES + 4))
    assert {row["preview"] for row in snapshot["messages"]} == {"ö" * 60}
    assert snapshot["house"]["inbox"] == {"cancelled": 3, "queued": MOST_MESSAGES + 17}
