"""Around a restart no command fails, and nothing holds the daemon's end up."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from iapeer.client.call import call
from iapeer.client.stream import open_stream
from iapeer.model.errors import PeerError
from tests.harness import Agent, Root, wait_for
from tests.whole.mcp.tools import dial, operator_token, port_of

# Runs command lines, each in a process of its own; a fork of one that has all modules, which is cheap.
_MANY = """
import json, os, sys, tempfile
from iapeer.__main__ import command_line
import iapeer.cli.app, iapeer.client.spawn, iapeer.terminal.output
from iapeer.cli.commands import events, list, message, show, status
for line in sys.stdin:
    with tempfile.TemporaryFile("w+") as said:
        if not (pid := os.fork()):
            os.dup2(said.fileno(), 1), os.dup2(said.fileno(), 2)
            os._exit(command_line(json.loads(line)))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said.seek(0)
        print(json.dumps([code, json.loads(line), said.read() if code else ""]), flush=True)
"""
# The daemon, with a thread that it would wait for.
_HANGS = """
import asyncio, sys, threading
from iapeer.server import footing
from iapeer.__main__ import main
secure = footing.Footing.secure
def hang(self):
    asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
    return secure(self)
footing.Footing.secure = hang
sys.exit(main())
"""
RESTARTS, SENDERS = 10, 5
MIX = (*("send alice {}",) * 3, "list", "status", "wait alice live", "show alice", "inbox alice")
ENDS_S = 10.0  # generous: it ends within 2 s, and this machine has other things to do


class Sender:
    """Runs commands, one after the other, while the daemon is restarted."""

    def __init__(self, root: Root, number: int) -> None:
        self._number, self._given = number, 0
        self._process = subprocess.Popen(
            [sys.executable, "-c", _MANY], env=root.env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.sent: list[str] = []

    def give(self) -> None:
        """One more command."""
        assert self._process.stdin is not None
        line = MIX[(self._number + self._given) % len(MIX)].format(body := f"{self._number}-{self._given}")
        self._given += 1
        self.sent += [body] if line.startswith("send") else []
        self._process.stdin.write(f"{json.dumps(line.split())}\n")
        self._process.stdin.flush()

    def failed(self) -> list[list[Any]]:
        """The commands that did not succeed: exit code, line, and what was said."""
        out, _ = self._process.communicate(timeout=100)
        results = [json.loads(line) for line in out.splitlines()]
        assert len(results) == self._given
        return [result for result in results if result[0] != 0]


def test_a_hundred_commands_during_ten_restarts(fleet: Root) -> None:
    """All succeed, and each message arrives exactly once."""
    alice = fleet.peer("alice")
    fleet.send("alice", "first", wait="done")
    senders = [Sender(fleet, number) for number in range(SENDERS)]
    for _ in range(RESTARTS):
        for sender in senders * 2:
            sender.give()
        fleet.cli("daemon", "restart", check=True)
    assert [failed for sender in senders for failed in sender.failed()] == []
    sent = [body for sender in senders for body in sender.sent]
    wait_for(lambda: len(alice.bodies()) > len(sent), "all messages to arrive")
    assert sorted(alice.bodies()) == sorted(["first", *sent])
    assert len(fleet.events("daemon_started")) > RESTARTS


def _asked(path: str, body: dict[str, Any]) -> str:
    """The code of the error that a request ends with."""
    try:
        return str(call("POST", path, body, start=False, timeout=2 * ENDS_S))
    except PeerError as error:
        return error.code


def test_nothing_holds_the_end_up(fleet: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an act that waits for a stopped tmux server, nor a stream, nor a request that is not answered."""
    monkeypatch.setenv("IAPEER_SOCKET", str(fleet.socket))
    alice = fleet.peer("alice")
    fleet.send("alice", "first", wait="done")
    server = psutil.Process(int(alice.tmux("display-message", "-p", "#{pid}")))
    server.suspend()
    with open_stream({}, start=False), ThreadPoolExecutor() as threads:
        letter = {"to": "alice", "body": "second", "wait": "done"}
        asked = [threads.submit(_asked, *what) for what in (("/send", letter), ("/peers/alice/new", {}))]
        wait_for(lambda: len(fleet.events("accepted")) > 1, "the message to be taken")
        assert fleet.daemon is not None
        fleet.daemon.send_signal(signal.SIGTERM)
        assert fleet.daemon.wait(ENDS_S) == 0
        assert {one.result() for one in asked} <= {"stopping", "not-begun"}
    server.resume()
    fleet.start()
    wait_for(lambda: "second" in alice.bodies(), "the message that was stored")
    assert alice.bodies() == ["first", "second"]


def test_a_thread_that_hangs_does_not_hold_the_end_up(root: Root) -> None:
    """The process is cut off, and says so."""
    root.program = [sys.executable, "-c", _HANGS]
    root.start()
    assert root.daemon is not None
    root.daemon.send_signal(signal.SIGTERM)
    assert root.daemon.wait(ENDS_S) == 0
    assert "cut off" in root.said()


@contextlib.contextmanager
def _flood(agent: Agent) -> Iterator[None]:
    """Its terminal is written to without a pause."""
    tty = agent.tmux("display-message", "-p", "-t", "main:", "#{pane_tty}").strip()
    with Path(tty).open("wb") as terminal, subprocess.Popen(["yes", "a flood"], stdout=terminal) as flood:
        try:
            yield
        finally:
            flood.kill()


def _unread_streams(root: Root, number: int) -> Iterator[socket.socket]:
    """So many streams of events on each listener; nobody reads them beyond their head."""
    port, token = port_of(root), operator_token(root)
    asked = f"GET /fleet/v1/events/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    for _ in range(number):
        unix = socket.socket(socket.AF_UNIX)
        unix.connect(str(root.socket))
        for stream in (unix, dial(port)):
            stream.sendall(asked.replace("Authorization", "X").encode() if stream is unix else asked.encode())
            assert stream.recv(12) == b"HTTP/1.1 200"
            yield stream


def _begun_request(root: Root) -> socket.socket:
    """A request of which half has come."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(root.socket))
    connection.sendall(b'POST /fleet/v1/send HTTP/1.1\r\nHost: iapeer\r\nContent-Length: 100\r\n\r\n{"to": ')
    return connection


def test_neither_a_thousand_streams_nor_a_flood_hold_the_end_up(fleet: Root) -> None:
    """Nor a request of which only half has come. The next daemon goes on with the sessions."""
    alice, bob = fleet.peer("alice"), fleet.peer("bob")
    for peer in (alice, bob):
        fleet.send(peer.name, "first", wait="done")
    with contextlib.ExitStack() as connected, _flood(alice):
        for connection in (*_unread_streams(fleet, 500), _begun_request(fleet)):
            connected.enter_context(connection)
        assert sum(listener["open"] for listener in fleet.call("GET", "/status")["connections"]) > 1000
        assert fleet.daemon is not None
        fleet.daemon.send_signal(signal.SIGTERM)
        assert fleet.daemon.wait(ENDS_S) == 0
    fleet.start()
    fleet.send("bob", "second", wait="done")
    assert bob.bodies() == ["first", "second"]
    assert {event["identity"] for event in fleet.events("readopted")} == {"fake-alice", "fake-bob"}
