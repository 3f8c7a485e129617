"""An agent has started something as another user, by sudo for instance: that cannot be ended, and spoils nothing."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.harness import REPO, throw_away_root, wait_for

UID = 54321
TOOL = "TOOL_AS_ANOTHER_USER"  # the environment variable with the command that does it
PATHS = os.pathsep.join([str(REPO), *site.getsitepackages()])


@dataclass(frozen=True)
class Users:
    """`argv`: what runs Python as the daemon's user; `tool`: with what that user's agent becomes another user."""

    argv: list[str]
    tool: str
    kill: list[str]


@pytest.fixture
def users() -> Iterator[Users]:
    if os.getuid() != 0:
        sudo = shutil.which("sudo")
        able = sudo is not None and subprocess.run([sudo, "-n", "true"], check=False).returncode == 0
        assert able, "this test needs a second user: run it as root, or with a sudo that asks for no password"
        yield Users([sys.executable], "sudo -n sleep 300", ["sudo", "-n", "kill", "-9"])
        return
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        becomes_root = Path(shutil.copy(str(shutil.which("setpriv")), folder))
        becomes_root.chmod(0o4755)
        user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
        tool = f"{becomes_root} --reuid=0 --regid=0 --clear-groups sleep 300"
        yield Users([*user, _python_for(user)], tool, ["kill", "-9"])


def _python_for(user: list[str]) -> str:
    """A Python that this user may run: the one of the tests may be in a folder of root's."""
    for program in (sys.executable, "/usr/bin/python3"):
        argv = [*user, "sh", "-c", 'exec "$0" -c "import pydantic_core"', program]
        env = {"PYTHONPATH": PATHS, "PATH": os.environ["PATH"]}
        done = subprocess.run(argv, env=env, stderr=subprocess.DEVNULL, check=False)
        if done.returncode == 0:
            return program
    raise AssertionError(f"this test needs a Python that user {UID} may run: install iapeer's tools outside of /root")


def test_a_stop_goes_on(users: Users) -> None:
    """It ends with 0, says in an event what is left, and the peer lives again."""
    env = {"PATH": os.environ["PATH"], TOOL: users.tool, "PYTHONPATH": PATHS, "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [*users.argv, "-m", "tests.whole.doors.test_foreign_processes"]
    done = subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    subprocess.run([*users.kill, told["foreign"]], check=True)  # it was alive until now
    assert (told["code"], told["said"]) == (0, "alice is stopped\n")
    assert told["left"] == told["foreign"]
    assert told["again"] == "done"
    assert f"only that user may end them: {told['foreign']}" in told["log"]


def _as_that_user() -> dict[str, object]:
    """What happens, seen by the user whose daemon it is."""
    with throw_away_root() as root:
        root.env["PYTHONPATH"] = os.environ["PYTHONPATH"]
        root.start()
        alice = root.peer("alice")
        root.send("alice", f"@@TOOL {os.environ[TOOL]}@@", wait="delivered")
        foreign = wait_for(lambda: _foreign_child(alice.pid), "the process of another user")
        stopped = root.cli("stop", "alice")
        left = [event["pids"] for event in root.events("left_behind", peer="alice")]
        root.call("POST", "/peers/alice/start", {})
        again = root.send("alice", "hello", wait="done")["state"]
        return {
            "code": stopped.returncode, "said": stopped.stdout + stopped.stderr, "foreign": str(foreign),
            "left": " ".join(left), "again": again, "log": root.cli("events").stdout,
        }  # fmt: skip


def _foreign_child(pid: int) -> int | None:
    """A process that the agent started and that sleeps as somebody else by now."""
    children = psutil.Process(pid).children(recursive=True)
    found = [child.pid for child in children if child.uids().real != os.getuid() and child.name() == "sleep"]
    return found[0] if found else None


if __name__ == "__main__":
    print(json.dumps(_as_that_user()))  # noqa: T201 - read by the test
