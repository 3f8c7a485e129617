"""A daemon that goes away under a request: it is started again, and asked the very same again."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from iapeer.client import call as calling
from iapeer.client.call import NotBegun, NotRunning, WentAway, call, persist
from iapeer.client.wire import request
from iapeer.model.errors import Failed, PeerError, Refused, Unreachable
from tests.unit.cli import answers
from tests.unit.cli.fake import REPO, Asked, Cli, Daemon
from tests.unit.cli.test_start import Starter

# Stands for `iapeer daemon run`: reads a request, notes it, and dies; its second life answers.
_MORTAL = """
import json, os, signal, sys, threading
sys.path.insert(0, {repo!r})
from pathlib import Path
from tests.unit.cli.fake import Daemon
notes, life = Path({base!r}, "notes"), Path({base!r}, "lives")
lives = len(life.read_text()) if life.exists() else 0
life.write_text("x" * (lives + 1))
Path({socket!r}).unlink(missing_ok=True)
daemon = Daemon(Path({socket!r}))
def send(asked):
    with notes.open("a") as file:
        file.write(json.dumps(asked.body) + "\\n")
    if lives == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Timer(0.2, os._exit, (0,)).start()
    return 200, json.loads({sent!r})
daemon.on({line!r}, send)
daemon.begin()
threading.Event().wait(60)
"""


def _mortal(cli: Cli, line: str, sent: dict[str, Any]) -> Starter:
    body = cli.base / "daemon.py"
    body.write_text(
        _MORTAL.format(repo=str(REPO), base=str(cli.base), socket=str(cli.socket), line=line, sent=json.dumps(sent))
    )
    return Starter(cli, f'#!/bin/sh\nexec {sys.executable} {body} "$@"\n')


def _notes(cli: Cli) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (cli.base / "notes").read_text().splitlines()]


@pytest.mark.parametrize(
    ("command", "line", "sent"),
    [
        ("send alice hi", "POST /send", answers.SENT),
        ("ask alice hi", "POST /send", answers.ANSWERED),
        ("send --batch {base}/b.jsonl", "POST /send/batch", {"sent": [answers.SENT]}),
    ],
)
def test_a_daemon_that_dies_of_a_request(cli: Cli, command: str, line: str, sent: dict[str, Any]) -> None:
    """Started again and asked the same, under the same key: so it is stored once."""
    Path(cli.base, "b.jsonl").write_text('{"to": "alice", "body": "hi"}\n')
    starter = _mortal(cli, line, sent)
    code, out, _ = starter.run(*command.format(base=cli.base).split())
    assert code == 0 and out != ""
    first, second = _notes(cli)
    assert first == second and "cli-" in json.dumps(first)


def test_what_is_left_of_the_time_is_asked_for(cli: Cli, daemon: Daemon) -> None:
    """A connection that breaks in the midst of a wait."""

    def breaks(asked: Asked) -> bytes | tuple[int, Any]:
        if len(daemon.table.asked) > 1:
            return 200, {**answers.SENT, "state": "done"}
        time.sleep(0.3)
        return b"HTTP/1.1 200"

    daemon.on("POST /send", breaks)
    assert cli.run("send", "alice", "hi", "--wait", "done", "--timeout", "60").code == 0
    first, second = (asked.body for asked in daemon.table.asked)
    assert first["key"] == second["key"]
    assert first["timeout_s"] == 60 and second["timeout_s"] < 59.8


def test_a_wait_for_an_answer_outlives_the_daemon(cli: Cli, daemon: Daemon) -> None:
    """Looking may be repeated too."""
    daemon.on(
        "GET /messages/019a?wait=reply",
        lambda asked: (200, answers.ANSWERED_MESSAGE) if len(daemon.table.asked) > 1 else b"",
    )
    assert cli.run("message", "019a", "--wait", "reply").code == 0
    assert len(daemon.table.asked) == 2


class _Script:
    """Stands for one request of the client: raises what it is told, and says how late it is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *steps: tuple[float, Exception | None]) -> None:
        self.now, self.steps, self.calls = 100.0, list(steps), 0
        monkeypatch.setattr(calling, "_ask", self.ask)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", lambda _: None)

    def ask(self, *_: object, **__: object) -> dict[str, Any]:
        took, error = self.steps.pop(0)
        self.calls += 1
        self.now += took
        if error is not None:
            raise error
        return {}


LOST, ABSENT = WentAway("gone"), NotRunning("no", code="not-running")
SPARED, CUT = NotBegun("try again"), Failed("The daemon stops.", code="stopping")


def test_it_gives_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some 20 seconds after it first went away."""
    script = _Script(monkeypatch, *[(3.0, LOST)] * 20)
    with pytest.raises(WentAway):
        persist("POST", "/send", {}, timeout=None)
    assert script.calls == 8


def test_a_database_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked again for some 10 seconds where that may be done twice, else not at all."""
    locked = Failed("The database is locked.", code="store")
    script = _Script(monkeypatch, *[(0.1, locked)] * 3, (0.1, None))
    assert persist("POST", "/send", {}, timeout=None) == {}
    assert script.calls == 4
    for ask, calls in ((persist, 5), (call, 1)):
        script = _Script(monkeypatch, *[(3.0, locked)] * 20)
        with pytest.raises(Failed):
            ask("POST", "/send", {}, timeout=None)
        assert script.calls == calls


def test_each_loss_after_a_long_wait_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon may be restarted twice an hour under the same wait."""
    script = _Script(monkeypatch, (1800.0, LOST), (0.1, ABSENT), (1800.0, LOST), (1.0, None))
    assert persist("POST", "/send", {}, timeout=None) == {}
    assert script.calls == 4


@pytest.mark.parametrize("error", [ABSENT, Refused("no"), Unreachable("the disk is full", code="daemon-start")])
def test_what_is_no_loss_is_not_repeated(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """A daemon that is not there, or cannot be started, at the first request; a refusal at any."""
    script = _Script(monkeypatch, (0.1, error), (0.1, None))
    with pytest.raises(type(error)):
        persist("POST", "/send", {}, timeout=None)
    assert script.calls == 1


@pytest.mark.parametrize(
    ("method", "error", "calls"),
    [("POST", SPARED, 2), ("POST", LOST, 1), ("POST", CUT, 1), ("GET", SPARED, 2), ("GET", LOST, 2), ("GET", CUT, 2)],
)
def test_what_may_be_asked_again(monkeypatch: pytest.MonkeyPatch, method: str, error: PeerError, calls: int) -> None:
    """What no daemon began with; and, of what one ended over, that which only looks."""
    script = _Script(monkeypatch, (0.1, error), (0.1, None))
    with contextlib.nullcontext() if calls == 2 else pytest.raises(type(error)):
        call(method, "/peers/alice/interrupt")
    assert script.calls == calls


@pytest.mark.skipif(sys.platform != "linux", reason="only there a reset tells that the request was not read")
@pytest.mark.parametrize(("reads", "kind"), [(False, NotBegun), (True, WentAway)])
def test_whether_a_request_was_begun_with(tmp_path: Path, reads: bool, kind: type[PeerError]) -> None:
    """A daemon that ends with the request unread has done nothing of it; one that had read it may have."""
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as ours:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        ours.connect(str(tmp_path / "s"))

        def daemon() -> None:
            theirs, _ = listener.accept()
            theirs.recv(65536, 0 if reads else socket.MSG_PEEK)
            theirs.close()

        thread = threading.Thread(target=daemon)
        thread.start()
        with pytest.raises((NotBegun, EOFError)) as caught, ours.makefile("rb") as stream:
            calling._answered(ours, stream, request("POST", "/daemon/stop"))
        thread.join()
    assert (caught.type is EOFError) == (kind is WentAway)
