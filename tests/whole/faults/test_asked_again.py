"""The daemon dies under a command of the command line: it is started again, and the message is stored and read once."""

from __future__ import annotations

import pytest

from tests.harness import Root


@pytest.mark.parametrize("fault", ["lease:before", "paste:after", "enter:after", "commit:before", "commit:after"])
def test_a_send_outlives_the_daemon(root: Root, fault: str) -> None:
    """Its sender hears the end of the turn from the daemon that it started in the place of the dead one."""
    root.start(fault)
    alice = root.peer("alice")
    done = root.cli("send", "alice", "hi", "--wait", "done", "--timeout", "60")
    root.wait_dead()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("done by fake/alice")
    assert len(root.events("accepted")) == 1
    assert alice.bodies() == ["hi"]
    assert root.cli("daemon", "stop").returncode == 0


def test_one_key_is_one_message(fleet: Root) -> None:
    """Also from two calls, days apart or at a time; other content under it is refused."""
    alice = fleet.peer("alice")
    for _ in range(2):
        done = fleet.cli("send", "alice", "hi", "--key", "k", "--wait", "done")
        assert (done.returncode, done.stderr) == (0, "")
    assert alice.bodies() == ["hi"]
    done = fleet.cli("send", "alice", "ho", "--key", "k")
    assert (done.returncode, done.stdout) == (3, "") and "with other content" in done.stderr
