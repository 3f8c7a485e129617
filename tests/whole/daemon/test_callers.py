"""Who is speaking: tokens, and the agents that show none."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from iapeer.model.errors import Refused
from tests.harness import Agent, Root, wait_for
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import ask, ask_as, tell_turn_end, token_of
from tests.whole.mcp.tools import ask_tcp, bearer, port_of


def _inside(house: Root, agent: Agent, prefix: str, to: str, body: str) -> str:
    """What `iapeer send` says when it is run by a tool of the agent, `prefix` before it."""
    said = Path(f"{agent.folder}.out")
    said.unlink(missing_ok=True)
    command = f"{prefix} {shlex.quote(sys.executable)} -m iapeer send {to} {shlex.quote(body)} >{said} 2>&1"
    house.send(agent.name, f"@@TOOL {command}@@", wait="done")
    return said.read_text()


def test_a_session_sends_as_its_peer(house: Root, new_peer: NewPeer) -> None:
    """With its token a process in a session acts as that peer, by the API and by the command line."""
    alice, bob = new_peer(), new_peer()
    house.send(alice.name, "hello", wait="done")
    sent = ask_as(house, token_of(alice), "/send", {"to": bob.name, "body": "by the API", "wait": "done"})
    assert house.message(sent["id"])["message"]["from"] == alice.name
    _inside(house, alice, "", bob.name, "by the command line")
    wait_for(lambda: len(bob.turns()) == 2, "both messages")
    for turn in bob.turns():
        assert (turn.sender, turn.runtime, turn.intelligence) == (alice.name, "fake", "artificial")
    assert bob.bodies() == ["by the API", "by the command line"]


def test_who_shows_no_valid_token_is_refused(house: Root, new_peer: NewPeer) -> None:
    """A wrong token, a claim without a token, and a claim that a token does not back: refused, and nothing stored."""
    name = new_peer().name
    last = house.events()[-1]["seq"]
    for headers in ({"Authorization": "Bearer 00"}, {"X_Peer_Identity": f"fake-{name}"}):
        status, answer = ask(house, "POST", "/send", {"to": name, "body": "hello"}, **headers)
        assert (status, answer["error"]["exit"]) == (401, 3)
        assert answer["error"]["code"] in ("bad-token", "no-token")
    for path in ("/peers", f"/peers/{name}/start", f"/peers/{name}/stop", "/daemon/stop"):
        status, answer = ask(house, "POST", path, {}, X_Peer_Identity="fake-x")
        assert answer["error"]["code"] == "no-token", path
    assert house.events()[-1]["seq"] == last


def test_a_token_cannot_be_used_to_claim_another_identity(house: Root, new_peer: NewPeer) -> None:
    """A header that names another peer than the token's own is refused."""
    alice, bob = new_peer(), new_peer()
    house.send(alice.name, "hello", wait="done")
    token = f"Bearer {token_of(alice)}"
    own, other = f"fake-{alice.name}", f"fake-{bob.name}"
    wish = {"to": bob.name, "body": "hello"}
    status, _ = ask(house, "POST", "/send", wish, Authorization=token, X_Peer_Identity=own)
    assert status == 200
    status, answer = ask(house, "POST", "/send", wish, Authorization=token, X_Peer_Identity=other)
    assert status == 403
    assert other in answer["error"]["message"]


def test_an_agents_child_without_its_token_is_no_operator(house: Root, new_peer: NewPeer) -> None:
    """A process that descends from a session and dropped what says so is recognised by its ancestors."""
    alice, bob = new_peer(), new_peer()
    said = _inside(house, alice, "env -u IAPEER_TOKEN -u PEER_IDENTITY", bob.name, "pretending")
    assert "runs inside" in said
    assert f"fake-{alice.name}" in said
    said = _inside(house, alice, "env -u IAPEER_TOKEN", bob.name, "pretending")
    assert "shows no token" in said
    assert not house.events("accepted", peer=bob.name)


def test_a_token_ends_with_its_session(house: Root, new_peer: NewPeer) -> None:
    """After the session's end its token is refused everywhere; a new session has another."""
    alice = new_peer()
    house.send(alice.name, "hello", wait="done")
    token = token_of(alice)
    house.call("POST", f"/peers/{alice.name}/new", {})
    with pytest.raises(Refused) as refused:
        ask_as(house, token, "/send", {"to": alice.name, "body": "hello"})
    assert refused.value.code == "bad-token"
    assert tell_turn_end(house, token)[0] == 401
    assert token_of(alice) != token
    database = (house.base / "root" / "state" / "iapeer.db").read_bytes()
    wal = (house.base / "root" / "state" / "iapeer.db-wal").read_bytes()
    assert token.encode() not in database + wal


def test_the_end_of_a_turn_is_told_with_a_token_on_the_unix_socket(house: Root, new_peer: NewPeer) -> None:
    """Whoever calls and whatever it says, the answer is empty; on TCP there is nothing."""
    alice = new_peer()
    house.send(alice.name, "hello", wait="done")
    token = token_of(alice)
    for body in (b"{}", b"[]", b"{", b"x" * ((1 << 20) + 1), b'{"last_assistant_message": 5}'):
        assert tell_turn_end(house, token, body) == (204, b"")
    assert tell_turn_end(house, None) == tell_turn_end(house, "0" * 64) == (401, b"")
    assert tell_turn_end(house, token, method="GET")[0] == 405
    assert ask_tcp(port_of(house), "POST", "/turn-end", b"{}", **bearer(token))[0] == 404
