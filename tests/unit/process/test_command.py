"""Commands of other programs: what they say, how they end, and that none outlives its time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest

from iapeer.process.command import Ran, run
from iapeer.process.liveness import gone
from tests.harness import wait_for


def test_how_it_ended_and_what_it_said() -> None:
    """Both outputs, in its own environment and folder, with nothing to read."""
    said = asyncio.run(run(["sh", "-c", 'cat; pwd; echo "$WORD" >&2; exit 3'], 10, env={"WORD": "here"}, cwd="/"))
    assert said == Ran(3, "/\nhere\n")


def test_who_is_not_heard_may_leave_others_behind(tmp_path: Path) -> None:
    """A helper that keeps the outputs open is not waited for."""
    helper = f"sleep 60 & echo $! > {tmp_path}/pid"
    try:
        assert asyncio.run(run(["sh", "-c", helper], 30, heard=False)) == Ran(0, "")
        assert not gone(int((tmp_path / "pid").read_text()))
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_one_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    """It leaves no process."""
    script = ["sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 60"]
    assert asyncio.run(run(script, 2)) is None
    assert gone(int((tmp_path / "pid").read_text()))


def test_one_that_is_given_up_is_killed(tmp_path: Path) -> None:
    """Whoever waited for it was cancelled."""
    script = ["sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 60"]

    async def main() -> None:
        asked = asyncio.create_task(run(script, 60))
        await asyncio.to_thread(wait_for, lambda: (tmp_path / "pid").exists(), "its start")
        asked.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asked

    asyncio.run(main())
    assert gone(int((tmp_path / "pid").read_text()))


def test_what_is_no_program_cannot_be_started() -> None:
    with pytest.raises(OSError, match="no-such"):
        asyncio.run(run(["/no-such/program"], 10))
