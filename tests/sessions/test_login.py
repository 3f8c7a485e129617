"""Asking a program whether somebody is logged in: seldom, and no less often than that."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from iapeer.model.clock import ManualClock
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.load import read_adapter
from iapeer.runtimes.records import Turn
from iapeer.sessions.login import APART_S, Login
from tests.harness import REPO


def _adapter(program: Path) -> Adapter:
    """The bundled Claude Code's, but with this program; logged in is who has a file beside it."""
    program.write_text(f'#!/bin/sh\ntest "$1" = auth && echo >> {program}.asked && test -e {program}.key\n')
    program.chmod(0o755)
    adapter = read_adapter(REPO / "adapters" / "claude.toml")
    return adapter.model_copy(update={"binary": adapter.binary.model_copy(update={"names": [str(program)]})})


def _asks(login: Login) -> bool:
    """Whether a look brings the news that somebody is logged in."""
    return asyncio.run(login.ask(Turn()))


def test_a_look_in_between_does_not_put_the_next_question_off(tmp_path: Path) -> None:
    """The next is due so long after the last one, and not after the last look; it is always ahead."""
    program, clock = tmp_path / "agent", ManualClock()
    login = Login(_adapter(program), os.getpid, clock)
    assert login.again() == APART_S
    assert not _asks(login)
    clock.advance(APART_S - 1)
    (tmp_path / "agent.key").touch()
    assert not _asks(login)
    assert login.again() == clock.monotonic() + 1
    clock.advance(1)
    assert login.again() > clock.monotonic()
    assert _asks(login)
    assert (tmp_path / "agent.asked").read_text() == "\n" * 2
    assert login.word(Turn()) is True


def test_an_agent_that_is_gone_is_not_logged_in(tmp_path: Path) -> None:
    """Whose environment cannot be read cannot be asked."""
    with pytest.raises(psutil.NoSuchProcess):
        psutil.Process(2**22 + 1)
    login = Login(_adapter(tmp_path / "agent"), lambda: 2**22 + 1, ManualClock())
    assert not _asks(login)
