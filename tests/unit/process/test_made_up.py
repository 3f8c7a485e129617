"""The made-up processes keep the promises of the real ones, as far as sessions rely on them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from iapeer.model.timing import SessionWaits
from iapeer.process.ending import descendants, end_process, left_of, wait_gone
from iapeer.process.processes import Processes, SystemProcesses
from iapeer.testing.clock import ManualClock
from iapeer.testing.processes import FakeProcesses
from tests.harness import wait_for

WAITS = SessionWaits(end=0.05, kill=5.0)
Machine = tuple[Processes, int, Callable[[], object]]  # a process, and how it is ended by others


@contextmanager
def _real() -> Iterator[Machine]:
    with subprocess.Popen(["sleep", "60"], env={"IAPEER_SESSION": f"s-{os.getpid()}"}) as process:
        processes = SystemProcesses()
        wait_for(lambda: processes.shown_name(process.pid) == "sleep", "the program")
        yield processes, process.pid, process.kill
        process.kill()


@contextmanager
def _made_up() -> Iterator[Machine]:
    processes = FakeProcesses(ManualClock())
    process = processes.spawn({"IAPEER_SESSION": f"s-{os.getpid()}"}, parent=os.getpid(), name="sleep")
    yield processes, process.pid, process.die


@pytest.fixture(params=[_real, _made_up])
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    with request.param() as made:
        yield made


def test_what_is_told_of_one_that_lives_and_of_one_that_is_gone(machine: Machine) -> None:
    processes, pid, end = machine
    mark = processes.start_mark(pid)
    assert mark is not None
    assert processes.alive(pid, mark)
    assert not processes.alive(pid, mark + 1)
    assert (pid, mark) in descendants(processes, os.getpid())
    assert processes.marked(f"s-{os.getpid()}") == [(pid, mark)]
    assert processes.environment(pid) == {"IAPEER_SESSION": f"s-{os.getpid()}"}
    age = processes.age(pid)
    assert age is not None
    assert 0 <= age < 60
    end()
    wait_for(lambda: not processes.alive(pid, mark), "its end")
    assert processes.shown_name(pid) == ""
    assert processes.marked(f"s-{os.getpid()}") == []


def test_it_is_ended_and_waited_for(machine: Machine) -> None:
    processes, pid, _ = machine
    mark = processes.start_mark(pid)

    async def main() -> None:
        assert not await wait_gone(processes, pid, mark, 0.01)
        assert await left_of(processes, [(pid, mark)], 0.01) == [pid]
        assert await end_process(processes, pid, mark, signal.SIGTERM, WAITS)
        assert await left_of(processes, [(pid, mark)], 0.01) == []
        assert await end_process(processes, pid, mark, signal.SIGTERM, WAITS)

    asyncio.run(main())


def test_its_end_is_heard_of_once_and_not_after_the_watch_is_closed(machine: Machine) -> None:
    processes, pid, end = machine
    told: list[str] = []

    async def main() -> None:
        ended = asyncio.Event()
        processes.watch_exit(pid, lambda: told.append("open"))
        processes.watch_exit(pid, lambda: told.append("closed")).close()
        processes.watch_exit(pid, ended.set)
        end()
        await asyncio.wait_for(ended.wait(), 10)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert told == ["open"]
