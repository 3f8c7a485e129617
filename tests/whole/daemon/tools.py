"""What the daemon's tests use beside the harness: raw requests, event streams, and a person at a real terminal."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import itertools
import json
import os
import pty
import re
import socket
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from iapeer.client.wire import error_of
from tests.harness import REPO, Agent, Root, wait_for

_NUMBERS = itertools.count(1)
PREFIX_D = b"\x02d"  # tmux's default keys to detach


def fresh_name() -> str:
    """A peer name that nobody has yet."""
    return f"peer{next(_NUMBERS)}"


def token_of(agent: Agent) -> str:
    """The token of the agent's live session, as its process has it."""
    pairs = Path(f"/proc/{agent.pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.partition("=")[::2] for pair in pairs)["IAPEER_TOKEN"]


def adapter_copy(root: Root, name: str, **changes: str) -> Path:
    """Another runtime in the user's folder: the fake agent's file under another name, with lines replaced."""
    text = (REPO / "fixtures" / "fake.toml").read_text()
    text = text.replace('name = "fake"', f'name = "{name}"', 1)
    text = text.replace(
        'names = ["iapeer-fake-agent"]', f'names = ["{changes.get("binary", root.env["IAPEER_FAKE_BIN"])}"]'
    )
    path = root.base / "root" / "config" / "adapters" / f"{name}.toml"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(text + changes.get("more", ""))
    return path


class Unix(http.client.HTTPConnection):
    """A connection to the daemon's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("iapeer", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(str(self._path))


def ask(root: Root, method: str, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """(status, answer) of one raw request on the daemon's socket. `body`: bytes as they are, else JSON."""
    connection = Unix(root.socket)
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    with contextlib.closing(connection):
        connection.request(method, f"/fleet/v1{path}", data, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def ask_as(root: Root, token: str, path: str, body: dict[str, Any], method: str = "POST") -> dict[str, Any]:
    """Ask as the session with this token; errors are those of iapeer.model.errors."""
    status, answer = ask(root, method, path, body, Authorization=f"Bearer {token}")
    if status >= 400:
        raise error_of(status, answer)
    return answer


def tell_turn_end(root: Root, token: str | None, body: bytes = b"{}", method: str = "POST") -> tuple[int, bytes]:
    """(status, answer) of a call as the agents' own hook makes it."""
    connection = Unix(root.socket)
    with contextlib.closing(connection):
        connection.request(method, "/turn-end", body, {"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read()


@contextlib.contextmanager
def stream(root: Root, query: str) -> Iterator[Iterator[dict[str, Any]]]:
    """The events of a server-sent stream, as they come."""
    connection = Unix(root.socket)
    with contextlib.closing(connection):
        connection.request("GET", f"/fleet/v1/events/stream?{query}")
        answer = connection.getresponse()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer)
        answer.close()


def _events(answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    ident = ""
    while line := answer.readline().decode():
        if line.startswith("id: "):
            ident = line[4:].strip()
        elif line.startswith("data: "):
            event = dict(json.loads(line[6:]))
            assert ident == str(event["seq"])
            yield event


def logfmt(line: str) -> dict[str, str]:
    """The fields of a line; AssertionError when it is not logfmt."""
    fields: dict[str, str] = {}
    at = 0
    while at < len(line):
        found = re.compile(r'([a-z_0-9]+)=("(?:[^"\\\n]|\\.)*"|[^\s"=]*)(?: |\Z)').match(line, at)
        assert found, f"not logfmt at {at}: {line!r}"
        assert found[1] not in fields, f"{found[1]} twice: {line!r}"
        fields[found[1]] = found[2]
        at = found.end()
    return fields


class Person:
    """Someone at a terminal of their own, looking at a session with the command that `attach` gave."""

    def __init__(self, argv: list[str], columns: int = 100, rows: int = 30) -> None:
        self.screen = b""
        self._fd, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        env = {**os.environ, "TERM": "xterm-256color"}
        env.pop("TMUX", None)
        self.process = subprocess.Popen(argv, stdin=end, stdout=end, stderr=end, env=env, start_new_session=True)
        os.close(end)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._fd, 65536):
                self.screen += data

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._fd, keys)

    def sees(self, what: bytes) -> None:
        """Wait until this was drawn."""
        wait_for(lambda: what in self.screen, f"the person to see {what!r}", 10)

    def leave(self) -> None:
        """Detach, and wait for the program's end. Keys that tmux reads with others count as pasted: they come again."""
        for _ in range(5):
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                self.type(PREFIX_D)
                self.process.wait(4)
        self.process.wait(1)
        self._reader.join(10)  # its number may soon be another file's: nobody must read that instead
        assert not self._reader.is_alive(), "the person's terminal is still held open"
        os.close(self._fd)


@contextlib.contextmanager
def person(root: Root, name: str, columns: int = 100, rows: int = 30, **wish: Any) -> Iterator[Person]:
    """A person who attaches to the peer and leaves at the end."""
    shown = root.call("POST", f"/peers/{name}/attach", {"read_only": False, **wish})
    made = Person(shown["argv"], columns, rows)
    try:
        yield made
    finally:
        made.leave()


def say(root: Root, agent: Agent, to: str, body: str, **more: Any) -> dict[str, Any]:
    """POST /send as the agent's live session."""
    return ask_as(root, token_of(agent), "/send", {"to": to, "body": body, **more})


class Held:
    """`words` in a message keep its turn open until `let_go`."""

    def __init__(self, root: Root) -> None:
        self._gate = root.base / f"gate{next(_NUMBERS)}"
        self.words = f"@@TOOL while [ ! -e {self._gate} ]; do sleep 0.02; done@@"

    def let_go(self) -> None:
        """The turn may end."""
        self._gate.touch()


@contextlib.contextmanager
def in_turn(root: Root, agent: Agent, words: str = "", sender: Agent | None = None, **more: Any) -> Iterator[str]:
    """The agent works on a message, of the operator or of another agent, until the block is left; its id."""
    held = Held(root)
    wish = {"body": f"{words}{held.words}", "wait": "delivered", **more}
    sent = say(root, sender, agent.name, **wish) if sender else root.send(agent.name, **wish)
    try:
        yield str(sent["id"])
    finally:
        held.let_go()
    root.until(sent["id"], "done", "failed")
