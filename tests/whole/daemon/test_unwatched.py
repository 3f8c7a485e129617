"""The kernel gives out no more file watches: that is said, nothing stands still, and it is over once there are more."""

from __future__ import annotations

import sys

import pytest

from tests.harness import Root, wait_for
from tests.whole.faults.kit import live

LIMITED = """
import asyncinotify, errno, os, sys
from iapeer.__main__ import main

def limited(real):
    def call(*args, **more):
        if os.path.exists(os.environ["LIMITED"]):
            raise OSError(errno.{number}, os.strerror(errno.{number}))
        return real(*args, **more)
    return call

asyncinotify.Inotify.{call} = limited(asyncinotify.Inotify.{call})
sys.exit(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limits are inotify's")
@pytest.mark.parametrize(
    ("call", "number", "setting"),
    [("add_watch", "ENOSPC", "max_user_watches"), ("__init__", "EMFILE", "max_user_instances")],
)
def test_a_limit_of_file_watches(root: Root, call: str, number: str, setting: str) -> None:
    """One event, a line in status and verify; messages are delivered, and the slow pass sees what changes."""
    limit = root.base / "limited"
    limit.touch()
    root.program = [sys.executable, "-c", LIMITED.format(call=call, number=number)]
    root.start(LIMITED=str(limit), IAPEER_RECONCILE_SECS="1")
    alice = root.peer("alice")
    live(root, alice)
    (event,) = root.events("degraded")
    assert (event["what"], setting in event["why"]) == ("file watch", True)
    assert setting in root.cli("status").stdout
    assert any(setting in problem["message"] for problem in root.call("GET", "/verify")["problems"])
    alice.tmux("send-keys", "-t", "main:", "@@SLOW 60@@", "Enter")
    wait_for(lambda: root.runtime("alice")["activity"] == "busy", "the person's turn to be seen")
    limit.unlink()
    wait_for(lambda: root.call("GET", "/status")["daemon"]["unwatched"] is None, "the files to be watched")
