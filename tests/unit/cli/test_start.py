"""The daemon on demand, and `daemon start|stop|restart`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from iapeer.paths.layout import layout
from iapeer.server.operatorenv import daemon_env
from tests.unit.cli.fake import REPO, Cli, listens

# Stands for `python -m iapeer daemon run`: a fake daemon that answers until it is told to stop.
_DAEMON = """
import fcntl, json, os, sys, threading, time
sys.path.insert(0, {repo!r})
lock = open({base!r} + "/lock", "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(3)
from pathlib import Path
from tests.unit.cli.fake import Daemon
time.sleep({delay})
Path({socket!r}).unlink(missing_ok=True)
daemon = Daemon(Path({socket!r}))
with open({base!r} + "/started", "a") as file:
    file.write(json.dumps([os.getpid(), os.getcwd(), dict(os.environ), sys.argv]) + "\\n")
daemon.on("GET /status", {{"version": "0.1.0", "api": 1, "store": "/s", "peers": {{}}, "inbox": {{}}, "daemon":
    {{"pid": os.getpid(), "socket": "/s", "tcp": None, "uptime_s": 1, "managed_by": "iapeer"}}}})
daemon.on("GET /peers", {{"api": 1, "peers": []}})
over = threading.Event()
def stop(_):
    threading.Timer(0.2, over.set).start()
    return 200, {{"stopping": True}}
daemon.on("POST /daemon/stop", stop)
daemon.begin()
over.wait(60)
daemon.close()
os.unlink({socket!r})
time.sleep(0.2)
"""


class Starter:
    """Runs the command line with a program of ours in place of the interpreter that would be the daemon."""

    def __init__(self, cli: Cli, script: str) -> None:
        self.cli = cli
        self.python = cli.base / "python"
        self.python.write_text(script)
        self.python.chmod(0o755)

    def run(self, *args: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> tuple[int, str, str]:
        harness = (
            "import sys; sys.executable = sys.argv.pop(1); sys.argv[0] = 'iapeer'\n"
            "from iapeer.__main__ import main; sys.exit(main())"
        )
        quiet = {"PYTHONWARNINGS": "", **(env or {})}  # a Popen that outlives us is what we want
        done = self.cli.run(str(self.python), *args, python=("-c", harness), env=quiet, cwd=cwd)
        return done.code, done.out, done.err

    def started(self) -> list[str]:
        return (self.cli.base / "started").read_text().splitlines()


def _fake(cli: Cli, delay: float = 0.0) -> Starter:
    body = cli.base / "daemon.py"
    body.write_text(_DAEMON.format(repo=str(REPO), base=str(cli.base), socket=str(cli.socket), delay=delay))
    return Starter(cli, f'#!/bin/sh\nexec {sys.executable} {body} "$@"\n')


def test_a_command_starts_the_daemon_once(cli: Cli) -> None:
    """Many at a time, with a stale socket in the way: one daemon, everybody is answered."""
    cli.socket.parent.mkdir(parents=True)
    import socket

    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(cli.socket))
    stale.close()
    starter = _fake(cli, delay=0.3)
    with ThreadPoolExecutor(6) as threads:
        results = list(threads.map(lambda _: starter.run("list"), range(6)))
    assert {(code, err) for code, _, err in results} == {(0, "")}
    assert len(starter.started()) == 1
    assert starter.run("daemon", "stop") == (0, "The daemon is stopped; sessions live on.\n", "")


def test_the_daemon_is_detached_and_does_not_know_who_started_it(cli: Cli) -> None:
    """Folder /, a session of its own, our root made absolute, nothing of a terminal or a role; a private log."""
    starter = _fake(cli)
    env = {"PEER_RUNTIME": "claude", "TMUX": "x", "TMUX_PANE": "%1", "IAPEER_ROOT": "."}
    assert starter.run("list", env=env, cwd=cli.base)[0] == 0
    import json

    pid, cwd, seen, argv = json.loads(starter.started()[0])
    assert (cwd, os.getsid(pid) == pid) == ("/", True)
    assert argv[1:] == ["-m", "iapeer", "daemon", "run"]
    assert seen["IAPEER_ROOT"] == str(cli.base)
    assert not [name for name in seen if name.startswith(("PEER_", "TMUX", "IAPEER_TOKEN", "IAPEER_SESSION"))]
    assert (cli.base / "state" / "logs" / "daemon.out").stat().st_mode & 0o777 == 0o600
    starter.run("daemon", "stop")
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_daemon_that_cannot_start_says_why(cli: Cli) -> None:
    """Its last line is the reason, not one of an earlier start; exit code 5."""
    log = cli.base / "state" / "logs" / "daemon.out"
    log.parent.mkdir(parents=True)
    log.write_text("iapeer: an old story\n")
    starter = Starter(cli, "#!/bin/sh\necho noise >&2\necho 'iapeer: the disk is full' >&2\nexit 1\n")
    said = "iapeer: The daemon could not be started: the disk is full\n"
    assert starter.run("send", "alice", "hi") == (5, "", said)
    assert starter.run("list") == (5, "", said)


def test_a_daemon_that_dies_silently(cli: Cli) -> None:
    """The log is named."""
    starter = Starter(cli, "#!/bin/sh\nkill -9 $$\n")
    code, _, err = starter.run("list")
    assert code == 5 and "it said nothing, see" in err


def test_an_unwritable_root(cli: Cli) -> None:
    """Cannot be started: 5, with what to do. Below /proc nobody makes a folder, root included."""
    done = cli.run("list", env={"IAPEER_ROOT": "/proc/nowhere"})
    assert done.code == 5 and "make it writable" in done.err


def test_a_root_that_is_a_file(cli: Cli) -> None:
    """The same for every user."""
    (cli.base / "file").write_text("")
    done = cli.run("list", env={"IAPEER_ROOT": str(cli.base / "file")})
    assert done.code == 5 and done.err.startswith("iapeer: ") and done.err.count("\n") == 1


def test_a_session_does_not_start_somebody_elses_daemon(cli: Cli) -> None:
    """Its daemon's socket is told by IAPEER_SOCKET; another root's daemon would not know it."""
    done = cli.run("send", "alice", "hi", env={"IAPEER_SOCKET": str(cli.base / "other.sock")})
    assert done.code == 5 and "start it outside" in done.err
    assert not (cli.base / "state").exists()


def test_the_sandbox_is_respected(cli: Cli) -> None:
    """Without a root of its own a test touches nothing."""
    env = {name: value for name, value in cli.env.items() if name != "IAPEER_ROOT"}
    done = subprocess.run([sys.executable, "-m", "iapeer", "list"], env=env, capture_output=True, text=True)
    assert done.returncode == 3 and "IAPEER_TEST_SANDBOX" in done.stderr


def test_start_stop_restart(cli: Cli) -> None:
    """Each returns when it has happened."""
    starter = _fake(cli)
    assert starter.run("daemon", "stop") == (0, "The daemon does not run.\n", "")
    code, out, _ = starter.run("daemon", "start")
    first = out.split()[-1].rstrip(").")
    assert code == 0 and out == f"The daemon runs (pid {first}).\n"
    assert starter.run("daemon", "start")[1] == f"The daemon already runs (pid {first}).\n"
    began = time.monotonic()
    assert starter.run("daemon", "restart")[0] == 0
    assert time.monotonic() - began > 0.4  # the old one was waited for: its socket, then its process
    assert len(starter.started()) == 2
    assert starter.run("daemon", "stop", "--json")[1] == '{"stopping": true}\n'
    assert not listens(cli.socket)


def test_the_daemons_environment_keeps_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PATH is how agents are found."""
    monkeypatch.chdir(tmp_path)
    env = {"PATH": "/bin", "IAPEER_ROOT": "r", "IAPEER_SOCK_DIR": "s", "IAPEER_SOCKET": "x", "PEERLESS": "1"}
    assert daemon_env(env, layout(env)) == {
        "PATH": "/bin",
        "PEERLESS": "1",
        "IAPEER_ROOT": str(tmp_path / "r"),
        "IAPEER_SOCK_DIR": str(tmp_path / "s"),
    }
