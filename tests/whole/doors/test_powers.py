"""Who may do what: every endpoint, asked by everybody, through both doors."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from iapeer.api import app, powers
from iapeer.api.web import Endpoint
from iapeer.model.errors import Failed
from tests.harness import REPO, Root, throw_away_root
from tests.whole.daemon.tools import Unix, token_of
from tests.whole.mcp.tools import connect, operator_token, port_of

# What it is asked with, so that whoever may ask changes nothing; and who may.
TABLE = """
GET /status                           operator own other
GET /openapi.json                     operator own other
GET /runtimes                         operator own other
GET /runtimes/fake                    operator own other
GET /verify                           operator
GET /peers                            operator own other
POST /peers                           operator
GET /peers/alice                      operator own
PATCH /peers/alice                    operator
DELETE /peers/alice?force=nonsense    operator
POST /peers/alice/runtimes            operator
POST /peers/alice/trust               operator
POST /peers/alice/move                operator
GET /peers/alice/inbox                operator own
GET /peers/operator/inbox             operator
GET /peers/alice/screen               operator own
GET /peers/alice/wait?state=nonsense  operator own other
POST /peers/alice/start               operator
POST /peers/alice/stop                operator
POST /peers/alice/new                 operator
POST /peers/alice/interrupt           operator
POST /peers/alice/compact             operator
POST /peers/alice/refresh             operator
POST /peers/alice/attach              operator
POST /peers/alice/launch              operator
POST /peers/alice/answer              operator
GET /self                             own other
POST /self                            own other
GET /sessions/SESSION                 operator own
GET /sessions/none                    operator
POST /send                            operator own other
POST /send/batch                      operator own other
GET /messages/RECEIVED                operator own
GET /messages/SENT                    operator own
GET /messages/none                    operator
GET /snapshot                         operator
GET /events                           operator
GET /events/stream                    operator
POST /daemon/stop                     operator
"""
LINES = TABLE.split("\n")[1:-1]
REFUSED = ("operator-only", "no-session")


@dataclass(frozen=True)
class House:
    """Alice, whose own affair everything is, and another peer. The tokens by who shows them."""

    root: Root
    tokens: dict[str, str]
    names: dict[str, str]

    def ask(self, door: str, who: str, method: str, path: str) -> tuple[int, str]:
        """(status, code of the refusal), asked with a body that no endpoint takes."""
        token = self.tokens.get(who) if door == "unix" else self.tokens.get(who, operator_token(self.root))
        port = port_of(self.root)
        connection = Unix(self.root.socket) if door == "unix" else connect(port)
        with contextlib.closing(connection):
            body = b'{"nonsense": 1}' if method in ("POST", "PATCH") else None
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            connection.request(method, f"/fleet/v1{path}", body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())["error"]["code"] if answer.status >= 400 else ""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """A daemon with two live peers; alice was sent one message, and sent one to the operator."""
    with throw_away_root() as root:
        root.start()
        alice, bob = root.peer("alice"), root.peer("bob")
        received = root.send("alice", "@@SAY hello@@", wait="reply")
        root.send("bob", "hello", wait="done")
        names = {"SESSION": received["session"], "RECEIVED": received["id"], "SENT": received["reply"]["id"]}
        yield House(root, {"own": token_of(alice), "other": token_of(bob)}, names)


def test_the_tables_name_every_endpoint() -> None:
    """This one and the program's: no route is forgotten, none is listed that is not there."""
    there = {(one.method, one.path) for one in app.ENDPOINTS}
    assert set(powers.POWERS) == there
    patterns = {(method, re.sub(r"\{name\}", "[^/]+", path)) for method, path in there}
    asked = {tuple(line.split()[:2]) for line in LINES}
    for method, pattern in patterns:
        assert any((m, bool(re.fullmatch(pattern, p.partition("?")[0]))) == (method, True) for m, p in asked), pattern


@pytest.mark.parametrize("door", ["unix", "tcp"])
def test_everybody_may_what_the_table_says(house: House, door: str) -> None:
    """Each endpoint by the operator, by the session it is about, and by another session; the daemon lives on."""
    for line in LINES:
        method, path, *may = line.split()
        for mark, name in house.names.items():
            path = path.replace(mark, name)
        for who in ("operator", "own", "other"):
            if (path, who) == ("/daemon/stop", "operator"):  # it would be done
                continue
            status, code = house.ask(door, who, method, path)
            assert (code not in REFUSED) == (who in may), (line, who, code)
            assert code not in REFUSED or status in (403, 409), (line, who, status)
    assert house.root.call("GET", "/peers/alice")["profile"]["permissions"] == "default"


def test_a_refusal_says_who_may(house: House) -> None:
    """In one sentence on the command line, inside the agent's own session."""
    said = house.root.cli("stop", "alice", IAPEER_TOKEN=house.tokens["other"])
    assert said.returncode == 3
    assert "bob may not do this (POST /peers/alice/stop): it is for the operator" in said.stderr
    assert said.stderr.count("\n") == 1
    assert house.root.runtime("alice")["status"] == "live"


def test_an_endpoint_that_nobody_was_given_is_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """The application is not built."""
    more = Endpoint("POST", "/anything", app.get_openapi, "Anything")
    monkeypatch.setattr(app, "ENDPOINTS", [*app.ENDPOINTS, more])
    with pytest.raises(Failed, match="POST /anything is not in the table"):
        app.fleet_app(None)  # type: ignore[arg-type]  # refused before it is looked at


def test_the_page_has_the_same_table() -> None:
    """docs/http-api.md says of each endpoint who may."""
    page = (REPO / "docs" / "http-api.md").read_text()
    words = {
        "everybody": powers.EVERYBODY, "the operator and the peer concerned": powers.CONCERNED,
        "a session, of itself": powers.SESSION, "the operator alone": powers.OPERATOR,
    }  # fmt: skip
    told = {}
    for who, may in words.items():
        (calls,) = re.findall(rf"^\| {who} \| (.*) \|$", page, re.MULTILINE)
        for method, path in re.findall(r"`(\w+) (/\S*)`", calls):
            told[method, re.sub(r"\b(NAME|ID)\b", "{name}", path)] = may
    assert told == powers.POWERS


@pytest.mark.parametrize("how", ["", "--pane"])
def test_an_agent_reads_its_own_log_alone(house: House, how: str) -> None:
    """A fellow's screen and events are the operator's to see, also as files."""
    line = ["logs", "alice", *how.split()]
    own, other = (house.root.cli(*line, IAPEER_TOKEN=house.tokens[who]) for who in ("own", "other"))
    assert (own.returncode, "hello" in own.stdout if how else "ev=" in own.stdout) == (0, True)
    assert (other.returncode, other.stdout) == (3, "")
    assert "bob may not do this" in other.stderr
