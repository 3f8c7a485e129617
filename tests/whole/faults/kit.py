"""What the fault tests share: reading the bytes that arrived, a person at a real terminal, and ways to wait."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil

from iapeer.model.envelope import Envelope, wire
from iapeer.model.errors import PeerError
from iapeer.runtimes.load import read_adapter
from iapeer.runtimes.typing import pastes
from tests.harness import REPO, Agent, Root, wait_for

T = TypeVar("T")
_FRAME = re.compile(rb"\x1b\[200~(.*?)\x1b\[201~", re.S)
_AT_ONCE = re.compile(rb"(?:\x1b\[200~.*?\x1b\[201~)+", re.S)
_RULE = "─" * 10
_FAKE = read_adapter(REPO / "fixtures" / "fake.toml")


def frames(data: bytes) -> list[bytes]:
    """The contents of the bracketed pastes; of those that came at once, without a key between them, joined."""
    return [b"".join(_FRAME.findall(run)) for run in _AT_ONCE.findall(data)]


def keys(data: bytes) -> bytes:
    """What arrived outside of any paste: live keystrokes."""
    return _FRAME.sub(b"", data)


def expected(ident: str, body: str, attempt: int = 1) -> bytes:
    """The bytes that an operator's message must be typed as: unfolded pastes, and one Enter."""
    text = wire(Envelope(ident, "operator", "shell", "natural", body, attempt=attempt))
    return b"".join(b"\x1b[200~" + piece.encode() + b"\x1b[201~" for piece in pastes(_FAKE.typing, text, "")) + b"\r"


def composer(agent: Agent) -> str:
    """What stands in the composer, as a person sees it."""
    rows = agent.screen().rstrip().split("\n")
    rules = [at for at, row in enumerate(rows) if row.startswith(_RULE)]
    assert len(rules) >= 2, rows
    return "\n".join(rows[rules[-2] + 1 : rules[-1]]).removeprefix("❯").strip(" \xa0")


def live(root: Root, agent: Agent, body: str = "first") -> dict[str, Any]:
    """Wake the peer with a message, and return what its sender was told once the turn is over."""
    sent = root.send(agent.name, body, wait="done")
    assert sent["state"] == "done", sent
    return sent


def reason_of(root: Root, ident: str) -> str | None:
    """Why a row waits; None when it does not."""
    row = root.message(ident)["row"]
    return row["reason"] if row["state"] == "queued" else None


def waits(root: Root, ident: str, reason: str, seconds: float = 10.0) -> None:
    """Wait until the row is queued with this reason, then see it still so after its actor has looked again."""
    wait_for(lambda: reason_of(root, ident) == reason, f"{ident} to wait: {reason}", seconds)
    looked_again(root, ident)
    assert reason_of(root, ident) == reason


def looked_again(root: Root, ident: str, times: int = 3) -> None:
    """Make the actor of the message's peer look again: every command that it serves is followed by a look."""
    to = root.message(ident)["message"]["to"]
    for _ in range(times):
        root.call("GET", f"/peers/{to}/screen")


def background(call: Callable[[], T]) -> Callable[[], T]:
    """Run `call` in a thread; the function that is returned waits for its result."""
    result: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            result.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def join() -> T:
        thread.join(60)
        assert not thread.is_alive(), "the call in the background has not returned"
        if errors:
            raise errors[0]
        return result[0]

    return join


def send_and_lose(root: Root, to: str, body: str) -> None:
    """Send to a daemon that dies of it: whatever the sender sees is fine."""
    with contextlib.suppress(PeerError, OSError):
        root.send(to, body)


def only_message(root: Root, body: str) -> str:
    """The id of the one message with this body."""
    found = {event["message"] for event in root.events("accepted")}
    match = [ident for ident in found if root.message(ident)["message"]["body"] == body]
    assert len(match) == 1, (body, match)
    return str(match[0])


def adapter_with(root: Root, **changes: str) -> None:
    """Give the root an adapter of its own: the fake agent's, with these `key = value` lines changed."""
    text = (REPO / "fixtures" / "fake.toml").read_text()
    for key, value in changes.items():
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
        assert count == 1, key
    path = root.base / "root" / "config" / "adapters" / "fake.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def can_hang(root: Root) -> None:
    """Give the root an agent that hangs while `hang` says so."""
    path = root.base / "iapeer-fake-agent"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent}/held_agent.py" "$@"\n')


def hang(agent: Agent, on: bool) -> None:
    """From now on the agent neither reads nor draws; or it goes on."""
    path = agent.home / "hold"
    if on:
        path.touch()
    else:
        path.unlink()


def option(agent: Agent, name: str) -> str:
    """A global tmux option: the marks that iapeer leaves."""
    return agent.tmux("show-options", "-gqv", name).strip()


def asleep(root: Root, agent: Agent) -> None:
    """Wait until the peer has no session."""
    wait_for(lambda: root.runtime(agent.name)["status"] != "live", f"{agent.name} to be asleep")


def session(root: Root, ident: str) -> dict[str, Any]:
    """A session's record."""
    return root.call("GET", f"/sessions/{ident}")


def server_of(agent: Agent) -> int:
    """The pid of the tmux server."""
    return int(agent.tmux("display-message", "-p", "#{pid}"))


def dead(pid: int) -> bool:
    """Whether the process is gone."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Person:
    """Somebody at a terminal who has attached to a peer's session."""

    def __init__(self, agent: Agent, columns: int = 120, rows: int = 40) -> None:
        self.agent = agent
        self.terminal, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            ["tmux", "-u", "-S", agent.socket, "attach-session", "-t", "main:"], stdin=inner, stdout=inner,
            stderr=inner, start_new_session=True, env={**os.environ, "TERM": "xterm-256color", "TMUX": ""},
        )  # fmt: skip
        os.close(inner)
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()
        wait_for(lambda: agent.root.runtime(agent.name)["attached"], "the daemon to see the person")

    def _drain(self) -> None:
        with contextlib.suppress(OSError):
            while os.read(self.terminal, 65536):
                pass

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self.terminal, text.encode())

    def leave(self) -> None:
        """Close the terminal."""
        self.process.terminate()
        self.process.wait()
        self._reader.join(10)  # its number may soon be another file's: nobody must read that instead
        with contextlib.suppress(OSError):
            os.close(self.terminal)


@contextlib.contextmanager
def person(agent: Agent) -> Iterator[Person]:
    """A person who leaves in the end."""
    somebody = Person(agent)
    try:
        yield somebody
    finally:
        somebody.leave()


def nothing_left(root: Root) -> None:
    """No process and no socket of any peer remains once all are asleep."""
    wait_for(lambda: not root.processes(), f"no orphans, but there are {root.processes()}", 10)
    sockets = [path.name for path in root.socket.parent.glob("*.sock") if path.name != "daemon.sock"]
    assert sockets == []
