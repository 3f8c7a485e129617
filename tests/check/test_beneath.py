"""What is taken from a session's own process."""

from __future__ import annotations

import os

import pytest

from iapeer.cli.check.beneath import session_environment
from iapeer.cli.check.outcome import Missing


@pytest.mark.parametrize("pid", [None, os.getpid(), 2**22 + 1], ids=["none", "ours", "gone"])
def test_no_other_environment_is_taken_for_a_sessions(pid: int | None) -> None:
    """Not our own, which leads to the user's own daemon: not for a session that is not there, nor by mistake."""
    with pytest.raises(Missing):
        session_environment(pid)
