"""A session has a share of the daemon and no more: of its connections, of its time, and of who it is taken for."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError
from starlette.requests import Request

from iapeer.api import requests
from iapeer.api.caller import PROCESS, OtherEnd, Unknown, caller_of
from iapeer.api.messages.sending import Batch
from iapeer.client import call
from iapeer.fleet.fleet import Fleet
from iapeer.model.clock import SystemClock
from iapeer.model.errors import Refused, Unreachable, Usage
from iapeer.process.liveness import start_mark
from iapeer.store import Store
from tests.harness import Agent, Root, throw_away_root, wait_for
from tests.whole.daemon.tools import ask, ask_as, token_of
from tests.whole.mcp.tools import ask_tcp, bearer, dial, port_of


@pytest.mark.parametrize("ended", [True, False])
def test_who_has_the_number_of_a_process_that_ended_is_nobody(tmp_path: Path, ended: bool) -> None:
    """A connection is its process's alone, by the start that it had when it connected."""
    mark = start_mark(os.getpid())
    assert mark is not None
    store = Store(tmp_path / "iapeer.db", SystemClock())
    process = OtherEnd(os.getpid(), os.getuid(), mark - ended)
    scope: dict[str, Any] = {"type": "http", "headers": [], PROCESS: process}
    fleet = cast(Fleet, SimpleNamespace(context=SimpleNamespace(store=store)))
    try:
        if not ended:
            assert caller_of(Request(scope), fleet).session is None
            return
        with pytest.raises(Unknown, match="cannot be looked at: it has ended"):
            caller_of(Request(scope), fleet)
    finally:
        store.close()


# ---- connections

SHARE = 32


@pytest.fixture(scope="module")
def house() -> Iterator[Root]:
    """A root with alice's and bob's sessions, whose daemon waits 2 s for a body."""
    with throw_away_root() as made:
        made.program = [sys.executable, "-m", "tests.whole.doors.hasty"]
        made.start()
        for name in ("alice", "bob"):
            made.peer(name)
            made.call("POST", f"/peers/{name}/start", {})
        yield made


def _head(root: Root, line: str, name: str, length: int = 0) -> bytes:
    shown = f"Authorization: Bearer {token_of(Agent(root, name))}"
    return f"{line} HTTP/1.1\r\nHost: 127.0.0.1\r\n{shown}\r\nContent-Length: {length}\r\n\r\n".encode()


def _unix(root: Root) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(20)
    made.connect(str(root.socket))
    return made


@contextlib.contextmanager
def _at_work(links: Iterable[socket.socket], head: bytes) -> Iterator[None]:
    """This request on each of the connections, as they are made; they are closed at the end."""
    with contextlib.ExitStack() as stack:
        for link in links:
            stack.enter_context(link)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before it was read
                link.sendall(head)
        yield


@pytest.mark.parametrize(
    ("line", "length"),
    [
        ("GET /fleet/v1/peers/bob/wait?state=asleep", 0),
        ("POST /fleet/v1/send", 10),
        ("POST /turn-end", 10),
    ],
)
def test_one_session_shuts_nobody_out(house: Root, line: str, length: int) -> None:
    """520 requests that wait, or whose bodies never come: the operator and the others are answered."""
    head = _head(house, line, "alice", length)
    with _at_work([_unix(house) for _ in range(520)], head), contextlib.ExitStack() as more:
        for _ in range(2):  # the last place may be of one that was not read in time: the next takes it
            more.enter_context(_at_work([_unix(house)], head))
            asked = house.cli("status", "--json")
            assert (asked.returncode, asked.stderr) == (0, "")
        assert ask_as(house, token_of(Agent(house, "bob")), "/send", {"to": "alice", "body": "hello"})["id"]


def test_a_share_is_of_both_doors_and_is_given_back(house: Root) -> None:
    """Half of it here, half there: the next is refused at both; once they are over there is room again."""
    port, token = port_of(house), token_of(Agent(house, "alice"))
    wait = _head(house, "GET /fleet/v1/peers/bob/wait?state=asleep", "alice")
    halves = ((_unix(house) for _ in range(SHARE // 2)), (dial(port) for _ in range(SHARE // 2)))
    with _at_work(itertools.chain(*halves), wait):
        wait_for(lambda: ask(house, "GET", "/status", **bearer(token))[0] == 429, "the share to be taken")
        assert ask_tcp(port, "GET", "/fleet/v1/status", None, **bearer(token))[0] == 429
        status, refused = ask_tcp(port, "POST", "/mcp", b"{}", **bearer(token))
        assert (status, refused["error"]["data"]["code"]) == (429, "too-many-requests")
        with pytest.raises(Refused, match="32 requests at work already, the limit"):
            ask_as(house, token, "/status", {}, "GET")
        assert ask(house, "GET", "/status", **bearer(token_of(Agent(house, "bob"))))[0] == 200
        assert house.call("GET", "/status")
    wait_for(lambda: ask(house, "GET", "/status", **bearer(token))[0] == 200, "the share to be given back")


@pytest.mark.parametrize(("line", "status"), [("POST /fleet/v1/send", b"408"), ("POST /turn-end", b"204")])
def test_a_body_that_does_not_come_is_not_waited_for(house: Root, line: str, status: bytes) -> None:
    """On the unix socket too."""
    with _unix(house) as link:
        link.sendall(_head(house, line, "alice", 10))
        assert link.recv(65536).startswith(b"HTTP/1.1 " + status)


def test_who_finds_no_room_is_told_so(house: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's own waits fill the socket: the command line says that, not that the daemon ends."""
    monkeypatch.setattr(call, "RETRY_S", 0.2)
    head = b"GET /fleet/v1/peers/bob/wait?state=asleep HTTP/1.1\r\nHost: iapeer\r\n\r\n"
    with contextlib.ExitStack() as stack:
        stack.enter_context(_at_work((_unix(house) for _ in range(512)), head))

        def refusal() -> Unreachable | None:
            stack.enter_context(_at_work([_unix(house)], head))  # in the place of one that was not read yet
            try:
                house.call("GET", "/status")
            except Unreachable as error:
                return error
            return None

        refused = wait_for(refusal, "the socket to be full")
        assert "has no room for one more connection" in str(refused)
        assert refused.code == "no-room"
    wait_for(lambda: house.cli("status").returncode == 0, "room again")


# ---- bodies


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"messages": [{' + ",".join(f'"k{number}": 1' for number in range(10**6)) + "}]}", r"messages\.0\.k0: there"),
        ('{"messages": [' + "{}," * 2_000_000 + "{}]}", r"messages\.0\.to"),
        ('{"messages": [' + "9," * 9_999 + "9]}", r"messages\.0"),
        ('{"messages": [{"to": "a", "body": "x", "attachments": [' + "9," * 2_000_000 + "9]}]}", r"attachments\.0"),
    ],
    ids=["keys", "objects", "numbers", "attachments"],
)
def test_of_a_thousand_errors_one_is_made(text: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong in a large body, it is looked at up to the first fault."""
    made: list[int] = []
    unfit = requests._unfit

    def counted(what: str, error: ValidationError) -> Usage:
        made.append(error.error_count())
        return unfit(what, error)

    monkeypatch.setattr(requests, "_unfit", counted)
    with pytest.raises(Usage, match=words):
        requests.parse(Batch, text.encode())
    assert sum(made) <= 10


def test_a_sessions_batch_is_smaller(house: Root) -> None:
    """8 MiB, and the operator's may be larger."""
    body = b'{"messages": [' + b" " * (8 << 20) + b"]}"
    shown = bearer(token_of(Agent(house, "alice")))
    assert ask(house, "POST", "/send/batch", body, **shown)[0] == 413
    assert ask(house, "POST", "/send/batch", body)[1]["error"]["message"].endswith("messages: it is empty.")
