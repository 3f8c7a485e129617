"""Whoever fills the daemon's connections stands in nobody's way, fills no log, and is counted."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.harness import Root, throw_away_root
from tests.whole.mcp.tools import ask_tcp, bearer, connect, dial, operator_token, port_of

LOG_BYTES = 10_000
SOFT, HARD = 777, 4096
TIGHT = 100


def _limited(soft: int, hard: int) -> Iterator[Root]:
    """A root whose daemon is started with these limits of open files, and a peer."""
    with throw_away_root() as root:
        root.program = [
            "/bin/sh",
            "-c",
            f'ulimit -Sn {soft}; ulimit -Hn {hard}; exec "$@"',
            "sh",
            sys.executable,
            "-m",
            "iapeer",
        ]
        root.start()
        root.peer("alice")
        yield root


@pytest.fixture(scope="module")
def roomy() -> Iterator[Root]:
    """One with room enough."""
    yield from _limited(SOFT, HARD)


@pytest.fixture(scope="module")
def tight() -> Iterator[Root]:
    """One with hardly any."""
    yield from _limited(TIGHT, TIGHT)


def _listener(root: Root, name: str) -> dict[str, Any]:
    return next(one for one in root.call("GET", "/status")["connections"] if one["listener"] == name)


@contextlib.contextmanager
def _connected(address: str | tuple[str, int], number: int) -> Iterator[list[socket.socket]]:
    """So many connections that say nothing."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(socket.socket(family)) for _ in range(number)]
        for connection in made:
            connection.settimeout(20)
            connection.connect(address)
        yield made


def _is_ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def _sends(root: Root) -> None:
    done = root.cli("send", "alice", "hello", "--wait", "done")
    assert (done.returncode, done.stderr) == (0, "")


@contextlib.contextmanager
def _no_descriptor_left(daemon: psutil.Process) -> Iterator[None]:
    highest = max(int(link.name) for link in Path(f"/proc/{daemon.pid}/fd").iterdir())
    before = daemon.rlimit(psutil.RLIMIT_NOFILE)
    daemon.rlimit(psutil.RLIMIT_NOFILE, (highest + 1, before[1]))
    try:
        yield
    finally:
        daemon.rlimit(psutil.RLIMIT_NOFILE, before)


def _peers_by(connection: http.client.HTTPConnection, root: Root) -> list[object]:
    connection.request("GET", "/fleet/v1/peers", headers=bearer(operator_token(root)))
    return list(json.loads(connection.getresponse().read())["peers"])


def test_without_a_descriptor_who_is_connected_is_served(roomy: Root) -> None:
    """The limit is taken away under a daemon that lives: newcomers are turned away, in silence; it is given back."""
    assert roomy.daemon is not None
    daemon, port = psutil.Process(roomy.daemon.pid), port_of(roomy)
    with contextlib.closing(connect(port, 20)) as known:
        assert _peers_by(known, roomy)
        with _no_descriptor_left(daemon), _connected(("127.0.0.1", port), 60) as strangers:
            assert _is_ended(strangers[-1])
            assert _peers_by(known, roomy)
    assert _listener(roomy, "tcp")["refused"] >= 1
    assert len(roomy.said()) < LOG_BYTES
    _sends(roomy)


@pytest.mark.parametrize("room", ["roomy", "tight"])
def test_a_stranger_takes_no_descriptor_from_others(request: pytest.FixtureRequest, room: str) -> None:
    """400 connections that say nothing: messages are delivered, the port answers who shows a token, no log grows; and
    none of the 400 is left after 5 s.
    """
    root: Root = request.getfixturevalue(room)
    port = port_of(root)
    with _connected(("127.0.0.1", port), 400) as strangers:
        _sends(root)
        assert ask_tcp(port, "GET", "/fleet/v1/status", None, **bearer(operator_token(root)))[0] == 200
        of_port = _listener(root, "tcp")
        assert of_port["dropped"] + of_port["refused"] >= 400 - 128
        assert all(map(_is_ended, strangers))
        assert _listener(root, "tcp")["strangers"] == 0
    assert len(root.said()) < LOG_BYTES


def test_idle_callers_of_ours_are_bounded_too(tight: Root) -> None:
    """The unix socket full of connections that say nothing: the oldest goes, and `iapeer send` comes through."""
    with _connected(str(tight.socket), 2 * TIGHT):
        _sends(tight)
        assert _listener(tight, "unix")["open"] <= TIGHT // 4
        assert _listener(tight, "unix")["dropped"] >= TIGHT
    assert len(tight.said()) < LOG_BYTES


def test_who_shows_no_token_is_answered_once(roomy: Root) -> None:
    """A refused request ends its connection, whatever it wants; a token keeps it."""
    port = port_of(roomy)
    with dial(port) as refused:
        refused.sendall(b"GET /fleet/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n")
        answer = b"".join(iter(lambda: refused.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"connection: close" in answer.lower()
    with contextlib.closing(connect(port, 20)) as known:
        for _ in range(2):
            assert _peers_by(known, roomy)
            assert known.sock is not None  # it is kept


def test_an_agent_gets_the_limit_that_the_daemon_was_started_with(roomy: Root) -> None:
    """The daemon's own is raised to what it may have; its tmux servers and agents see the old one."""
    assert roomy.daemon is not None
    roomy.call("POST", "/peers/alice/start", {})
    agent = psutil.Process(roomy.runtime("alice")["pid"])
    assert psutil.Process(roomy.daemon.pid).rlimit(psutil.RLIMIT_NOFILE) == (HARD, HARD)
    for process in (agent, *agent.parents()[:1]):
        assert process.rlimit(psutil.RLIMIT_NOFILE) == (SOFT, HARD), process
