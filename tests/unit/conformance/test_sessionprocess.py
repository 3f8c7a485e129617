"""What is taken from a session's own process."""

from __future__ import annotations

import os

import pytest

from iapeer.conformance.outcome import Missing
from iapeer.conformance.sessionprocess import session_environment


def test_no_other_environment_is_taken_for_a_sessions() -> None:
    """Not our own, which leads to the user's own daemon: not for a session that is not there, nor by mistake."""
    for pid in (None, os.getpid(), 2**22 + 1):
        with pytest.raises(Missing):
            session_environment(pid)
