"""The loopback port: the API with a token, for the operator's programs and for agents, and what it refuses."""

from __future__ import annotations

import contextlib
import json
import stat
from collections.abc import Iterator

import pytest

from tests.harness import Root, wait_for
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import ask, token_of
from tests.whole.mcp.tools import ask_tcp, bearer, connect, count, dial, operator_token, port_of

STATUS = "/fleet/v1/status"


@pytest.fixture
def port(house: Root) -> int:
    """The port that serves."""
    return port_of(house)


def test_the_operators_token_is_the_operators(house: Root, port: int, new_peer: NewPeer) -> None:
    """A private file, made once; who shows it sends as the operator and may do what only the operator may."""
    bob = new_peer()
    path = house.base / "root" / "state" / "operator.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(operator_token(house)) == 64
    body = json.dumps({"to": bob.name, "body": "from a program", "wait": "done"}).encode()
    status, sent = ask_tcp(port, "POST", "/fleet/v1/send", body, **bearer(operator_token(house)))
    assert (status, sent["outcome"]) == (200, "delivered")
    assert [turn.sender for turn in bob.turns()] == ["operator"]
    status, _ = ask_tcp(port, "DELETE", f"/fleet/v1/peers/{bob.name}?force=1", None, **bearer(operator_token(house)))
    assert status == 200


def test_a_sessions_token_is_its_peers(house: Root, port: int, new_peer: NewPeer) -> None:
    """On TCP as on the unix socket; what only the operator may do stays refused."""
    alice, bob = new_peer(), new_peer()
    house.call("POST", f"/peers/{alice.name}/start", {})
    token = token_of(alice)
    body = json.dumps({"to": bob.name, "body": "by TCP", "wait": "done"}).encode()
    assert ask_tcp(port, "POST", "/fleet/v1/send", body, **bearer(token))[0] == 200
    assert [turn.sender for turn in bob.turns()] == [alice.name]
    status, answer = ask_tcp(port, "DELETE", f"/fleet/v1/peers/{bob.name}", None, **bearer(token))
    assert answer["error"]["code"] == "operator-only"
    assert status >= 400


@pytest.mark.parametrize("method_path", [("GET", "/status"), ("GET", "/peers"), ("GET", "/events"), ("POST", "/send")])
def test_everything_wants_a_token(house: Root, port: int, method_path: tuple[str, str]) -> None:
    """None, and one that nobody has: 401 with the typed error, also where the unix socket asks nobody."""
    method, path = method_path
    for headers in ({}, bearer("0" * 64), {"Authorization": "Basic abc"}):
        status, answer = ask_tcp(port, method, f"/fleet/v1{path}", b"{}", **headers)
        assert status == 401
        assert answer["error"]["code"] in ("no-token", "bad-token")
        assert answer["error"]["exit"] == 3


def test_no_web_page_comes_in(house: Root, port: int) -> None:
    """Foreign names and origins are refused before the token is looked at, whatever is asked."""
    token = bearer(operator_token(house))
    for path in (STATUS, "/mcp", "/turn-end", "/", "/.well-known/oauth-protected-resource"):
        for headers in (
            {"Host": "evil.example"}, {"Host": f"evil.example:{port}"}, {"Host": f"user@127.0.0.1:{port}"},
            {"Host": "127.0.0.1:x"}, {"Origin": "http://evil.example"}, {"Origin": "null"},
        ):  # fmt: skip
            assert ask_tcp(port, "POST", path, b"{}", **token, **headers)[0] == 403, (path, headers)
    assert ask_tcp(port, "GET", STATUS, None, **token, Origin=f"https://127.0.0.1:{port}")[0] == 200
    assert ask_tcp(port, "GET", STATUS, None, **token, Host="localhost")[0] == 200


def test_the_operators_token_is_for_tcp_and_for_no_agent(house: Root, port: int, new_peer: NewPeer) -> None:
    """With a peer's name beside it, and on the unix socket, it is refused."""
    name = new_peer().name
    token, before = bearer(operator_token(house)), count(house)
    claim = {"X_Peer_Identity": f"fake-{name}"}
    body = json.dumps({"to": name, "body": "x"}).encode()
    assert ask_tcp(port, "POST", "/fleet/v1/send", body, **token, **claim)[0] == 403
    assert ask(house, "POST", "/send", {"to": name, "body": "x"}, **token)[0] == 401
    assert count(house) == before


def test_routes_bodies_and_errors_are_bounded_and_typed(house: Root, port: int) -> None:
    """Nothing there: 404; too large a body, declared or found out: 413; a bad body: 400. All as JSON."""
    token = bearer(operator_token(house))
    assert ask_tcp(port, "GET", "/", None, **token)[1]["error"]["code"] == "no-route"
    assert ask_tcp(port, "GET", "/fleet/v1/nothing", None, **token)[1]["error"]["code"] == "no-route"
    status, answer = ask_tcp(port, "POST", "/fleet/v1/send", b" " * ((1 << 20) + 1), **token)
    assert (status, answer["error"]["code"]) == (413, "too-large")
    assert _chunked(port, operator_token(house)) == 413
    status, answer = ask_tcp(port, "POST", "/fleet/v1/send", b'{"to": 5}', **token)
    assert (status, answer["error"]["code"]) == (400, "bad-request")


def _chunked(port: int, token: str) -> int:
    connection = connect(port)
    with contextlib.closing(connection):
        parts = (b" " * (1 << 16) for _ in range(20))
        with contextlib.suppress(ConnectionError):
            connection.request("POST", "/fleet/v1/send", parts, bearer(token), encode_chunked=True)
        return connection.getresponse().status


def test_slow_clients_stand_in_nobodys_way(house: Root, port: int) -> None:
    """Connections that say nothing, half a head, or half a body; others are answered."""
    token = operator_token(house)
    head = f"POST /fleet/v1/send HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    halves = [b"", head.encode(), f"{head}Authorization: Bearer {token}\r\nContent-Length: 9\r\n\r\n{{".encode()]
    with _connections(port, halves * 20):
        assert ask_tcp(port, "GET", STATUS, None, **bearer(token))[0] == 200
        assert house.call("GET", "/status")["version"]
    assert ask_tcp(port, "GET", STATUS, None, **bearer(token))[0] == 200
    assert "Traceback" not in house.said()


@contextlib.contextmanager
def _connections(port: int, words: list[bytes]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for said in words:
            stack.enter_context(contextlib.closing(dial(port))).sendall(said)
        yield


def test_events_stream_over_tcp(house: Root, port: int, new_peer: NewPeer) -> None:
    """What happens is told while it happens; the stream outlives the request's body."""
    connection = connect(port)
    with contextlib.closing(connection):
        connection.request("GET", "/fleet/v1/events/stream?kind=peer_added", headers=bearer(operator_token(house)))
        answer = connection.getresponse()
        name = new_peer().name
        wait_for(lambda: name.encode() in answer.readline(), "the new peer's event")
        answer.close()


def test_the_operators_token_is_kept_unless_it_is_spoilt(root: Root) -> None:
    """Every daemon of a root takes the same; half a file, and one that others could read, are replaced."""
    root.start()
    path = root.base / "root" / "state" / "operator.token"
    first = path.read_text()
    root.kill()
    root.start()
    assert path.read_text() == first
    root.kill()
    path.write_text(first[:20])
    root.start()
    second = path.read_text()
    assert len(second) == len(first)
    assert second != first
    root.kill()
    path.chmod(0o644)
    root.start()
    assert path.read_text() not in (first, second)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_head_has_a_limit(house: Root, port: int) -> None:
    """Whoever connects, without a token yet, cannot fill the daemon's memory."""
    assert house.daemon is not None
    head = b"GET /fleet/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    with dial(port) as connection:
        connection.sendall(head)
        with pytest.raises(OSError, match=r"reset|[Bb]roken|EOF"):
            for number in range(200):
                connection.sendall(b"X-%d: %s\r\n" % (number, b"x" * 100_000))
    status, _ = ask_tcp(port, "GET", STATUS, None, X=30 * "long" * 1000, **bearer(operator_token(house)))
    assert status == 200
