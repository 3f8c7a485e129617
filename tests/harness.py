"""A throw-away root with a real daemon, real tmux servers and fake agents: what most tests of the whole are made of."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

import psutil

from iapeer.client.call import call
from iapeer.model.envelope import Envelope, decode
from tests.preloaded import Preloaded, spawn

T = TypeVar("T")
REPO = Path(__file__).resolve().parent.parent
DEADLINE = 30.0


def wait_for(look: Callable[[], T | None], what: str, seconds: float = DEADLINE) -> T:
    """What `look` returns once it is truthy; AssertionError naming `what` when it takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what} (last: {found!r})")
        time.sleep(0.01)


class Root:
    """One root below a short temporary folder. `env` is the environment of its daemon and commands."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.env = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(base / "home"),
            "LANG": "C.UTF-8",
            "IAPEER_ROOT": str(base / "root"),
            "IAPEER_TEST_SANDBOX": "1",
            "IAPEER_TEST_TIMING": "fast",
            "IAPEER_PORT": str(_free_port()),
            "IAPEER_ADAPTERS": str(REPO / "fixtures" / "fake.toml"),
            "IAPEER_FAKE_BIN": str(_wrapper(base)),
        }
        self.program: list[str] | None = (
            None  # what the daemon is; None: iapeer, forked from a process that has it loaded
        )
        (base / "home").mkdir()
        self.socket = base / "root" / "state" / "socks" / "daemon.sock"
        self.daemon: subprocess.Popen[bytes] | Preloaded | None = None

    # ---- the daemon

    def start(self, fault: str | None = None, **env: str) -> None:
        """Start a daemon and wait until it listens. `fault` names the point at which it dies."""
        extra = {**env, **({"IAPEER_FAULT": fault} if fault else {})}
        with (self.base / "daemon.out").open("ab") as out:
            self.daemon = self._spawn({**self.env, **extra}, out)
        wait_for(lambda: self._up() or self._dead(), "the daemon to listen")

    def _spawn(self, env: dict[str, str], out: IO[bytes]) -> subprocess.Popen[bytes] | Preloaded:
        if self.program is None:
            return spawn(["daemon", "run"], env, out)
        return subprocess.Popen(
            [*self.program, "daemon", "run"], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/"
        )

    def _up(self) -> bool:
        with contextlib.suppress(Exception):
            return bool(self.call("GET", "/status"))
        return False

    def _dead(self) -> bool:
        return self.daemon is not None and self.daemon.poll() is not None

    def kill(self) -> None:
        """kill -9 the daemon."""
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait()

    def wait_dead(self) -> None:
        """Wait until the daemon has died of its fault point."""
        assert self.daemon is not None
        assert self.daemon.wait(DEADLINE) == -signal.SIGKILL

    def said(self) -> str:
        """What the daemon printed."""
        return (self.base / "daemon.out").read_text()

    # ---- asking

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> dict[str, Any]:
        """One request to the daemon; errors are those of iapeer.model.errors."""
        with _environment(IAPEER_SOCKET=str(self.socket), IAPEER_TOKEN=None, PEER_IDENTITY=None):
            return call(method, path, body, query or None, start=False, timeout=120)

    def send(self, to: str, body: str, **more: Any) -> dict[str, Any]:
        """POST /send."""
        return self.call("POST", "/send", {"to": to, "body": body, **more})

    def cli(self, *args: str, check: bool = False, **env: str) -> subprocess.CompletedProcess[str]:
        """The command line, as its users run it."""
        return subprocess.run(
            [sys.executable, "-m", "iapeer", *args], env={**self.env, **env}, text=True, capture_output=True,
            check=check, timeout=120, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def message(self, ident: str) -> dict[str, Any]:
        """GET /messages/ID."""
        return self.call("GET", f"/messages/{ident}")

    def state(self, ident: str) -> str:
        """The state of a message's row."""
        return str(self.message(ident)["row"]["state"])

    def until(self, ident: str, *states: str, seconds: float = DEADLINE) -> dict[str, Any]:
        """The message once its row is in one of `states`."""

        def there() -> dict[str, Any] | None:
            found = self.message(ident)
            return found if found["row"]["state"] in states else None

        return wait_for(there, f"{ident} in {states}", seconds)

    def steps(self, ident: str) -> list[str]:
        """The names of a message's events, in order."""
        return [event["ev"] for event in self.message(ident)["events"]]

    def events(self, *kinds: str, peer: str | None = None) -> list[dict[str, Any]]:
        """All events of these kinds."""
        found = self.call("GET", "/events", kind=",".join(kinds), peer=peer or "", limit=10000)["events"]
        return list(found)

    def runtime(self, name: str) -> dict[str, Any]:
        """The first runtime entry of a peer."""
        return dict(self.call("GET", f"/peers/{name}")["peer"]["runtimes"][0])

    # ---- peers and their agents

    def peer(self, name: str, args: str = "", **env: str) -> Agent:
        """A peer with the fake agent; `args` are the agent's fault flags, `env` goes into its launch.env."""
        agent = Agent(self, name)
        agent.configure(args, **env)
        self.call("POST", "/peers", {"dir": str(agent.folder), "runtime": "fake"})
        agent.made = True
        agent.trust()
        return agent

    def processes(self) -> list[psutil.Process]:
        """Every process that carries this root in its environment, but for this one and the daemon."""
        found = []
        spare = {os.getpid(), self.daemon.pid if self.daemon else 0}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.pid not in spare and process.environ().get("IAPEER_ROOT") == self.env["IAPEER_ROOT"]:
                    found.append(process)
        return found

    def close(self) -> None:
        """End everything that belongs to this root."""
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()
        for socket in (self.base / "root" / "state" / "socks").glob("*.sock"):
            subprocess.run(["tmux", "-S", str(socket), "kill-server"], capture_output=True, check=False)
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        shutil.rmtree(self.base, ignore_errors=True)


class Agent:
    """A peer's fake agent, seen from its own side: what arrived in its terminal, and what it wrote down."""

    def __init__(self, root: Root, name: str) -> None:
        self.root = root
        self.name = name
        self.folder = root.base / name
        self.home = root.base / f"{name}-home"
        self.made = False  # a peer of the daemon
        self.folder.mkdir(exist_ok=True)

    def configure(self, args: str = "", **env: str) -> None:
        """Write launch.env, as its operator: takes effect with the next session."""
        path = self.folder / ".iapeer" / "runtimes" / "fake" / "launch.env"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = {"FAKE_HOME": str(self.home), "FAKE_TAP": "1", "FAKE_ARGS": args, **env}
        path.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
        if self.made:
            self.trust()

    def trust(self) -> None:
        """Confirm what its files say."""
        self.root.call("POST", f"/peers/{self.name}/trust", {})

    @property
    def pid(self) -> int:
        """The live agent's process."""
        return int(self.root.runtime(self.name)["pid"])

    @property
    def socket(self) -> str:
        """Its tmux socket."""
        return str(self.root.runtime(self.name)["socket"])

    def typed(self) -> bytes:
        """Every byte that arrived in the terminals of all its sessions, in the order of the sessions."""
        files = sorted((self.home / "input").glob("*.bin"), key=lambda file: file.stat().st_ctime_ns)
        return b"".join(file.read_bytes() for file in files)

    def records(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The records of all its transcripts."""
        files = sorted((self.home / "conversations").glob("*.jsonl"), key=lambda file: file.stat().st_ctime_ns)
        lines = [line for file in files for line in file.read_bytes().split(b"\n")[:-1]]  # one may be half written
        found = [json.loads(line) for line in lines]
        return [record for record in found if kind is None or record["type"] == kind]

    def turns(self) -> list[Envelope]:
        """The messages that became turns, decoded, in order."""
        found = [decode(record["text"]) for record in self.records() if record["type"] in ("user", "queued")]
        return [envelope for envelope in found if envelope is not None]

    def bodies(self) -> list[str]:
        """Their bodies."""
        return [envelope.body for envelope in self.turns()]

    def tmux(self, *args: str) -> str:
        """A tmux command on its server."""
        done = subprocess.run(["tmux", "-S", self.socket, *args], capture_output=True, text=True, check=True)
        return done.stdout

    def screen(self) -> str:
        """What its pane shows."""
        return self.tmux("capture-pane", "-p", "-t", "main:")


def _wrapper(base: Path) -> Path:
    """An executable that becomes the fake agent under this very interpreter."""
    path = base / "iapeer-fake-agent"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{REPO}/fixtures/fake_agent.py" "$@"\n')
    path.chmod(0o755)
    return path


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _environment(**values: str | None) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextlib.contextmanager
def throw_away_root() -> Iterator[Root]:
    """A root that is gone afterwards, with all its processes. Short, for socket paths are."""
    root = Root(Path(tempfile.mkdtemp(prefix="iap-", dir="/tmp")))
    try:
        yield root
    finally:
        root.close()
