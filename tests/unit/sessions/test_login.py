"""Asking a program whether somebody is logged in: seldom, and no less often than that."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import cast

import psutil
import pytest

from iapeer.model.timing import TIMING
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.load import read_adapter
from iapeer.runtimes.records import Turn
from iapeer.sessions.filewatch import FileWatch
from iapeer.sessions.login import Login
from iapeer.sessions.machine import Machine, this_machine
from iapeer.testing.clock import ManualClock
from tests.harness import REPO, wait_for
from tests.whole.faults.kit import dead


def _adapter(program: Path) -> Adapter:
    """The bundled Claude Code's, but with this program; logged in is who has a file beside it."""
    program.write_text(f'#!/bin/sh\ntest "$1" = auth && echo >> {program}.asked && test -e {program}.key\n')
    program.chmod(0o755)
    adapter = read_adapter(REPO / "adapters" / "claude.toml")
    return adapter.model_copy(update={"binary": adapter.binary.model_copy(update={"names": [str(program)]})})


def _machine(clock: ManualClock) -> Machine:
    return this_machine(clock, cast(FileWatch, None), Path("/unused"), TIMING.tmux)


class Rig:
    """A login that is asked on a loop of its own, and how often its answer was news."""

    def __init__(self, adapter: Adapter, pid: int, clock: ManualClock) -> None:
        self.changed = 0
        self.login = Login(adapter, lambda: pid, _machine(clock), TIMING.session, self._note)

    def _note(self) -> None:
        self.changed += 1

    def look(self, *, awaited: bool = True) -> bool | None:
        """What is known once a look's question, if it asked one, is answered."""

        async def main() -> bool | None:
            before = self.changed
            self.login.ask(Turn(), awaited=awaited)
            if self.login._asking is not None:
                await asyncio.wait([self.login._asking], timeout=10)
                assert self.changed == before + 1
            return self.login.known(Turn())

        return asyncio.run(main())


def test_it_is_asked_seldom_and_no_less_often(tmp_path: Path) -> None:
    """So long after the last question, not after the last look; much seldomer while nobody waits for the answer."""
    program, clock = tmp_path / "agent", ManualClock()
    rig = Rig(_adapter(program), os.getpid(), clock)
    assert rig.look() is False
    (tmp_path / "agent.key").touch()
    clock.advance(TIMING.session.login_apart - 1)
    assert rig.look() is False
    assert rig.login.due(awaited=True) == clock.monotonic() + 1
    clock.advance(1)
    assert rig.look(awaited=False) is False
    assert (
        rig.login.due(awaited=False) == clock.monotonic() + TIMING.session.login_idle_apart - TIMING.session.login_apart
    )
    assert rig.look() is True
    assert (tmp_path / "agent.asked").read_text() == "\n" * 2


def test_a_yes_holds_until_a_turn_fails_of_it(tmp_path: Path) -> None:
    """Later turns that end well, and a screen that says nothing new, do not undo it."""
    (tmp_path / "agent.key").touch()
    rig = Rig(_adapter(tmp_path / "agent"), os.getpid(), ManualClock())
    assert rig.look() is True
    assert rig.login.known(Turn(closed=5, outcome="done")) is True
    assert rig.login.known(Turn(closed=5, outcome="error", reason="login")) is False


def test_an_agent_that_is_gone_is_not_logged_in(tmp_path: Path) -> None:
    """Whose environment cannot be read cannot be asked."""
    with pytest.raises(psutil.NoSuchProcess):
        psutil.Process(2**22 + 1)
    assert Rig(_adapter(tmp_path / "agent"), 2**22 + 1, ManualClock()).look() is False


def test_a_question_that_is_given_up_leaves_no_process(tmp_path: Path) -> None:
    """The session ends while its program is asked."""
    program = tmp_path / "agent"
    adapter = _adapter(program)
    program.write_text(f"#!/bin/sh\necho $$ > {program}.pid; exec sleep 60\n")

    async def main() -> int:
        login = Login(adapter, os.getpid, _machine(ManualClock()), TIMING.session, lambda: None)
        login.ask(Turn(), awaited=True)
        asking = login._asking
        assert asking is not None
        pid = await asyncio.to_thread(wait_for, lambda: read_pid(Path(f"{program}.pid")), "the program to start")
        login.close()
        await asyncio.wait([asking])
        return pid

    pid = asyncio.run(main())
    wait_for(lambda: dead(pid), "the end of the program")


def read_pid(file: Path) -> int:
    """The number in a file; 0 while there is none."""
    text = file.read_text() if file.exists() else ""
    return int(text) if text.endswith("\n") else 0
