"""Around a restart no command fails, and nothing holds the daemon's end up."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from iapeer.client.call import call
from iapeer.client.stream import open_stream
from iapeer.model.errors import PeerError
from tests.harness import Root, wait_for

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
