"""Where the daemon is started from: streams, home, folder, umask; as the first process of a container."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer.model.errors import PeerError
from tests.harness import DEADLINE, REPO, Root, wait_for
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import Person, fresh_name, person

STOPPED = "The daemon is stopped; sessions live on."
_TERMINATED = "(until iapeer status | grep -q pid; do sleep 0.05; done; kill -TERM 1) &"
# Two sessions come and go; then every zombie that is left is told, if they are not gone within some seconds.
_INSIDE = """
set -e
until iapeer status | grep -q pid; do sleep 0.05; done
for name in a b; do
  iapeer create $name -r fake; iapeer send $name hi --wait done; iapeer stop $name
done
for try in $(seq 200); do
  grep -lE '^[0-9]+ [(].*[)] Z' /proc/[0-9]*/stat > zombies || { echo clean; break; }
  sleep 0.05
done
iapeer daemon stop
"""


def _shell(root: Root, line: str, **env: str) -> subprocess.CompletedProcess[str]:
    line = f'iapeer() {{ "{sys.executable}" -m iapeer "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", line], env={**root.env, "PYTHONPATH": str(REPO), **env}, cwd=root.base, text=True,
        capture_output=True, timeout=DEADLINE,
    )  # fmt: skip


def test_the_first_process_of_a_container_leaves_no_zombies(root: Root) -> None:
    """It takes the ends of all that agents and tmux leave behind, hands signals on, and ends as the daemon does."""
    if os.geteuid() != 0:
        pytest.fail("Run this as root: it makes a namespace of processes.")
    (root.base / "inside").write_text(_INSIDE)
    daemon = f"{sys.executable} -m iapeer daemon run"
    line = f"export -f iapeer; unshare --pid --fork --mount-proc bash -c 'bash inside & exec {daemon}'"
    done = _shell(root, line)
    said = done.stdout.splitlines()
    if said[-1:] == [STOPPED]:  # the end of the namespace's first process ends who would say so, too
        said.pop()
    assert (done.returncode, said[-1:]) == (0, ["clean"]), done.stdout + done.stderr
    done = _shell(root, f"export -f iapeer; unshare --pid --fork --mount-proc bash -c '{_TERMINATED} exec {daemon}'")
    assert done.returncode == 0, done.stderr


def test_no_socket_takes_the_place_of_a_closed_stream(root: Root) -> None:
    """What a library prints would go into it."""
    root.program = ["bash", "-c", f'exec "{sys.executable}" -m iapeer daemon run <&- >&- 2>&-', "--"]
    root.start()
    assert root.daemon is not None
    there = [str(Path(f"/proc/{root.daemon.pid}/fd/{number}").readlink()) for number in range(3)]
    assert there == ["/dev/null"] * 3
    assert root.cli("list").returncode == 0


@pytest.mark.parametrize("odd", [{"XDG_STATE_HOME": "odd"}, {"IAPEER_ROOT": "odd"}, {"IAPEER_ROOT": "~/odd"}], ids=str)
def test_a_command_and_its_daemon_mean_the_same_root(root: Root, odd: dict[str, str]) -> None:
    """However it is named: the daemon lives in another folder."""
    env = {"IAPEER_ROOT": "", "IAPEER_TEST_SANDBOX": "", **odd}
    try:
        done = _shell(root, "iapeer list", **env)
        assert (done.returncode, done.stderr) == (0, "")
        places = {"XDG_STATE_HOME": "home/.local/state/iapeer", "odd": "odd/state", "~/odd": "home/odd/state"}
        state = places.get(odd.get("IAPEER_ROOT", "XDG_STATE_HOME"))
        assert list(root.base.rglob("daemon.sock")) == [root.base / f"{state}/socks/daemon.sock"]
    finally:
        assert _shell(root, "iapeer daemon stop", **env).returncode == 0


def test_an_odd_umask_locks_nobody_out(root: Root) -> None:
    """Neither of the files that are made nor of the folders."""
    try:
        done = _shell(root, "umask 0777; iapeer create alice -r fake && iapeer send alice hi --wait done")
        assert done.returncode == 0, done.stderr
        made = [path for path in (root.base / "root").rglob("*") if not path.is_symlink()]
        assert [path for path in made if not path.stat().st_mode & stat.S_IRUSR] == []
    finally:
        _shell(root, "iapeer stop --all; iapeer daemon stop")


def test_a_lowered_number_of_log_files_takes_the_others_away(root: Root) -> None:
    """Nothing else would ever remove them, and `logs` shows what is there."""
    logs = root.base / "root" / "state" / "logs"
    logs.mkdir(parents=True)
    for number in (1, 2, 3, 9, 10):
        (logs / f"lifecycle.log.{number}").write_text("")
    root.start(IAPEER_LOG_FILES="2")
    assert sorted(path.name for path in logs.glob("lifecycle.log*")) == [
        "lifecycle.log", "lifecycle.log.1", "lifecycle.log.2",
    ]  # fmt: skip


# ---- terminals


def test_a_person_sees_letters_in_any_locale(house: Root, new_peer: NewPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    """tmux would show underscores."""
    agent = new_peer()
    house.send(agent.name, "Привет ✻", wait="done")
    monkeypatch.setenv("LC_ALL", "C")
    with person(house, agent.name) as looking:
        looking.sees("Привет ✻".encode())


@pytest.mark.parametrize(
    ("args", "number", "code"),
    [(["--", "--die-at-boot", "7"], None, 7), ([], signal.SIGKILL, 137), ([], signal.SIGSEGV, 139)],
)
def test_a_folder_launch_exits_as_the_agent_does(
    house: Root, args: list[str], number: signal.Signals | None, code: int
) -> None:
    """Also of one that dies while booting, and of one that is killed, on a machine that has much to do."""
    name = fresh_name()
    (house.base / name).mkdir()
    env = {**house.env, "TERM": "xterm-256color", "PYTHONPATH": str(REPO)}
    there = ["env", "-i", *(f"{key}={value}" for key, value in env.items()), "sh", "-c", 'cd "$0" && exec "$@"']
    with _busy():
        someone = Person([*there, str(house.base / name), sys.executable, "-m", "iapeer", "fake", *args])
        if number is not None:
            os.kill(wait_for(lambda: _idle(house, name), "the agent"), number)
        assert someone.process.wait(DEADLINE) == code, someone.screen
        someone.leave()
    house.call("DELETE", f"/peers/{name}", force=1)


def _idle(root: Root, name: str) -> int | None:
    """The agent's process, once somebody looks at it and it has nothing to do."""
    with contextlib.suppress(PeerError):
        at = root.runtime(name)
        return at["pid"] if at["attached"] and at["activity"] == "idle" else None
    return None


@contextlib.contextmanager
def _busy() -> Iterator[None]:
    """Three processes that use all that they can get."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
