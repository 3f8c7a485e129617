"""The stream of events: nothing lost, nothing twice, whatever its readers do, and nothing left of those that leave."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from iapeer.model.timing import ApiWaits, Timing
from tests.harness import Root, wait_for
from tests.whole.api.inside import Inside, served
from tests.whole.api.raw import request, stream


@pytest.fixture
def inside() -> Iterator[Inside]:
    """A fleet in this process."""
    with tempfile.TemporaryDirectory(prefix="iap-", dir="/tmp") as base, served(Path(base)) as made:
        yield made


def read(answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """The events as they come, each with its own number as its id."""
    ident = ""
    while line := answer.readline().decode():
        name, _, value = line.rstrip("\n").partition(": ")
        if name == "id":
            ident = value
        elif name == "data":
            event: dict[str, Any] = json.loads(value)
            assert str(event["seq"]) == ident
            yield event


def take(answer: http.client.HTTPResponse, count: int) -> list[int]:
    """The numbers of the next so many events."""
    return [event["seq"] for event in itertools.islice(read(answer), count)]


def watched(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """(after which number, how many events) of every read of the store from now on."""
    reads: list[tuple[int, int]] = []
    events = inside.fleet.context.store.events.page

    def counted(after: int, **more: Any) -> Any:
        found = events(after, **more)
        reads.append((after, len(found)))
        return found

    monkeypatch.setattr(inside.fleet.context.store.events, "page", counted)
    return reads


def test_readers_that_come_and_go_miss_nothing(inside: Inside) -> None:
    """While events happen all the time, a reader that leaves in mid-stream goes on where it was, by either way."""
    first = inside.happen(700)

    async def pump() -> None:
        for _ in range(1500):
            inside.fleet.context.store.events.append("tick", personality="alpha")
            await asyncio.sleep(0)

    pumping = asyncio.run_coroutine_threadsafe(pump(), inside.loop)
    seen: list[int] = []
    for number in range(20):
        last = seen[-1] if seen else 0
        by_header = {"Last-Event-ID": str(last)} if number % 2 and last else {}
        with stream(inside.socket, f"after={0 if by_header else last}", **by_header) as answer:
            seen += take(answer, 100 + number)
    pumping.result(60)
    assert seen[-1] > first
    assert seen == list(range(1, len(seen) + 1))


def test_who_leaves_leaves_nothing_behind(inside: Inside) -> None:
    """Streams that wait, and one whose reader never read, are gone from the daemon when their clients are."""
    last = inside.happen(3000, data="x" * 2000)
    tasks = inside.do(lambda: len(asyncio.all_tasks()))
    with contextlib.ExitStack() as clients:
        for _ in range(20):
            clients.enter_context(stream(inside.socket, f"after={last}"))
        clients.enter_context(stream(inside.socket))  # and reads nothing
        wait_for(lambda: inside.waiters == 20, "the streams to wait")
    wait_for(lambda: inside.waiters == 0, "the streams to be gone")
    wait_for(lambda: inside.do(lambda: len(asyncio.all_tasks())) <= tasks, "their tasks to be gone")


def test_a_slow_reader_costs_one_block(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not read is waited for: no more is read for it, others are served, and it gets everything later."""
    last = inside.happen(3000, data="x" * 4000)
    reads = watched(inside, monkeypatch)
    with stream(inside.socket) as slow:
        with stream(inside.socket, f"after={last}") as quick:
            wait_for(lambda: inside.waiters == 1, "the quick reader to wait")
            before = list(reads)
            newer = inside.happen(100)
            assert take(quick, 100) == list(range(last + 1, newer + 1))
        assert len([found for _, found in before if found]) <= 2  # of the slow one's seven
        assert take(slow, newer) == list(range(1, newer + 1))
    assert max(found for _, found in reads) <= 500


def test_filters_choose_by_peer_and_kind(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what fits comes; what does not fit is passed once, and not looked through again and again."""
    for peer in ("alpha", "beta"):
        for kind in ("tick", "tock", "bang"):
            inside.happen(2, kind, peer)
    with stream(inside.socket, "peer=beta&kind=tock,bang") as answer:
        reader = read(answer)
        found = [(event["personality"], event["ev"]) for event in itertools.islice(reader, 4)]
        assert found == [("beta", "tock")] * 2 + [("beta", "bang")] * 2
        reads = watched(inside, monkeypatch)
        passed = inside.happen(50, "tick", "beta")
        inside.happen(1, "tick", "beta")
        wait_for(lambda: reads and reads[-1][0] >= passed, "what does not fit to be behind us")
        fits = inside.happen(1, "bang", "beta")
        assert next(reader)["seq"] == fits


def test_a_quiet_stream_says_that_it_lives(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment comes when nothing does, and what the filters leave out does not keep it away."""
    context = inside.fleet.context
    monkeypatch.setattr(inside.fleet, "context", replace(context, timing=Timing(api=ApiWaits(beat=0.2))))
    with stream(inside.socket, f"after={inside.happen(1)}&kind=tock") as answer:
        for _ in range(3):
            inside.happen(20)
            assert answer.readline() == b": still here\n"
            assert answer.readline() == b"\n"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("seen", ["", "x", "-1", "1" * 40, "1.5"])
def test_a_last_id_that_is_no_number_is_none(inside: Inside, seen: str) -> None:
    """`after` counts then."""
    last = inside.happen(5)
    with stream(inside.socket, f"after={last - 2}", **{"Last-Event-ID": seen}) as answer:
        assert take(answer, 2) == [last - 1, last]


def test_who_waits_is_told_that_the_daemon_stops(fleet: Root) -> None:
    """A wait for a peer's state ends at once, with an error that says why."""
    fleet.peer("alpha")
    assert fleet.daemon is not None
    daemon = psutil.Process(fleet.daemon.pid)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(request, fleet, "GET", "/peers/alpha/wait?state=live&timeout_s=600")
        wait_for(lambda: len(daemon.net_connections("unix")) >= 2, "the wait to be taken")
        fleet.call("POST", "/daemon/stop")
        answer = waiting.result(30)
    assert answer.status == 503
    assert answer.json()["error"]["code"] in ("stopping", "not-begun")  # it may not have been begun with yet
    assert "Traceback" not in fleet.said()


def test_the_daemon_ends_with_its_streams(fleet: Root) -> None:
    """A stop is answered, open streams end, and the daemon leaves without a word about them."""
    with stream(fleet.socket) as answer:
        assert answer.readline().startswith(b"id: ")
        assert request(fleet, "POST", "/daemon/stop").json() == {"stopping": True}
        assert fleet.daemon is not None
        assert fleet.daemon.wait(30) == 0
        with contextlib.suppress(http.client.IncompleteRead):
            assert b"daemon_stopped" not in answer.read()  # it is told when nobody can hear it any more
    assert "Traceback" not in fleet.said()
