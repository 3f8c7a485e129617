"""Processes: the same ones, alive or not, waited for and ended."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer.model.timing import TIMING, SessionWaits
from iapeer.process.boot import boot_id
from iapeer.process.ending import descendants, end_process, kill_all, wait_gone
from iapeer.process.environment import marked
from iapeer.process.exits import ExitWatch
from iapeer.process.liveness import alive, start_mark
from iapeer.process.processes import SystemProcesses
from iapeer.process.terminal import job, shown_name
from iapeer.process.tree import ancestors, children
from tests.harness import wait_for

SYSTEM = SystemProcesses()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"], env={**os.environ, "IAPEER_SESSION": f"test-{os.getpid()}"})
    yield process
    process.kill()
    process.wait()


def _mark(pid: int) -> float:
    mark = start_mark(pid)
    assert mark is not None
    return mark


def test_alive_means_the_same_process(sleeper: subprocess.Popen[bytes]) -> None:
    """Number and start must both fit; what is not known is not alive."""
    mark = _mark(sleeper.pid)
    assert alive(sleeper.pid, mark)
    assert not alive(sleeper.pid, mark - 1)
    assert not alive(sleeper.pid, None)
    assert not alive(None, mark)
    assert not alive(2**22 + 7, mark)
    assert start_mark(2**22 + 7) is None


def test_a_zombie_is_dead(sleeper: subprocess.Popen[bytes]) -> None:
    """Ended and not yet fetched by its parent."""
    mark = _mark(sleeper.pid)
    sleeper.kill()
    wait_for(lambda: not alive(sleeper.pid, mark), "the zombie", 5)
    assert sleeper.returncode is None


def test_waiting_for_an_end(sleeper: subprocess.Popen[bytes]) -> None:
    """False in time while it lives; True as soon as it ended; at once for one that is gone or is another."""
    mark = _mark(sleeper.pid)

    async def wait() -> None:
        assert not await wait_gone(SYSTEM, sleeper.pid, mark, 0.05)
        asyncio.get_running_loop().call_later(0.05, sleeper.kill)
        began = time.monotonic()
        assert await wait_gone(SYSTEM, sleeper.pid, mark, 10)
        assert time.monotonic() - began < 5
        assert await wait_gone(SYSTEM, sleeper.pid, mark, 10)
        assert await wait_gone(SYSTEM, os.getpid(), mark, 10)

    asyncio.run(wait())


def test_an_exit_watch_tells_once(sleeper: subprocess.Popen[bytes]) -> None:
    """Called when it ends, and at once for a process that is gone; not after it was closed."""
    told: list[str] = []

    async def watch() -> None:
        ended = asyncio.Event()
        ExitWatch(sleeper.pid, ended.set)
        closed = ExitWatch(sleeper.pid, lambda: told.append("closed"))
        closed.close()
        closed.close()
        sleeper.kill()
        await asyncio.wait_for(ended.wait(), 10)
        sleeper.wait()
        ExitWatch(sleeper.pid, lambda: told.append("gone"))
        await asyncio.sleep(0.02)

    asyncio.run(watch())
    assert told == ["gone"]


def test_ending_a_process_is_polite_first() -> None:
    """The first signal, then KILL for one that ignores it; a stranger with the number is left alone."""
    script = "import signal,time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    deaf = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    kind = subprocess.Popen(["sleep", "60"])
    assert deaf.stdout is not None
    deaf.stdout.readline()

    async def end() -> None:
        await end_process(SYSTEM, kind.pid, _mark(kind.pid) - 1, signal.SIGTERM, SessionWaits(end=0.1))
        assert kind.poll() is None
        await end_process(SYSTEM, kind.pid, _mark(kind.pid), signal.SIGTERM, SessionWaits(end=5))
        await end_process(SYSTEM, deaf.pid, _mark(deaf.pid), signal.SIGTERM, SessionWaits(end=0.1))

    asyncio.run(end())
    assert (kind.wait(), deaf.wait()) == (-signal.SIGTERM, -signal.SIGKILL)
    deaf.stdout.close()


def test_what_a_session_left_behind_is_found(sleeper: subprocess.Popen[bytes]) -> None:
    """By descent, and by the session's id in the environment; killing spares what is not the same any more."""
    mark = _mark(sleeper.pid)
    assert (sleeper.pid, mark) in descendants(SYSTEM, os.getpid())
    assert marked(f"test-{os.getpid()}") == [(sleeper.pid, mark)]
    assert marked("no-such-session") == []
    assert descendants(SYSTEM, 2**22 + 7) == []
    asyncio.run(kill_all(SYSTEM, [(sleeper.pid, mark - 1)], TIMING.session))
    assert sleeper.poll() is None
    asyncio.run(kill_all(SYSTEM, [(sleeper.pid, mark)], TIMING.session))
    assert sleeper.wait() == -signal.SIGKILL


def test_ancestors_and_boot() -> None:
    """Itself, its parents up to the first; a process that is gone has itself alone. The boot has a name."""
    assert ancestors(os.getpid())[:2] == [os.getpid(), os.getppid()]
    assert ancestors(2**22 + 7) == [2**22 + 7]
    assert boot_id() == boot_id() != ""


@pytest.mark.skipif(sys.platform != "linux", reason="told by /proc")
def test_a_script_has_its_interpreters_name(tmp_path: Path) -> None:
    """As tmux shows it: a shell that runs a script of an agent's name must not pass for the agent."""
    script = tmp_path / "claude"
    script.write_text("#!/bin/sh\necho here\nread -r line\n")
    script.chmod(0o755)
    with subprocess.Popen([script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        assert shown_name(process.pid) == "sh"
        assert process.pid in children(os.getpid())
        process.communicate(b"\n")
    assert shown_name(process.pid) == ""
    assert children(process.pid) == []


@pytest.mark.skipif(sys.platform != "linux", reason="told by /proc")
def test_who_reads_a_terminal() -> None:
    """The foreground group of the process's own terminal; of one that is gone it cannot be told."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("sleep", ["sleep", "60"])
    try:
        found = wait_for(lambda: job(pid) if shown_name(pid) == "sleep" else None, "the program to begin")
        assert (found.group, found.foreground) == (pid, pid)
        assert found.tty != 0
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
    assert job(pid) is None
