"""Errors: every answer that is no success has a code, a sentence, an exit code and the right status."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import iapeer.server.run  # noqa: F401 - loads every class of errors
from iapeer.api.errors import MEANINGS, STATUS_OF_CODE, status_of
from iapeer.model.errors import PeerError, Refused
from tests.harness import REPO, Root
from tests.whole.api.raw import request
from tests.whole.daemon.tools import ask

# Said before a daemon serves, or when nobody listens any more.
# Rooms of the commands: what they raise, no daemon answers.
_COMMANDS = frozenset({"cli", "client", "conformance", "demo", "terminal", "wording"})
_UNSERVED = {
    *("encoding", "hung-up", "inside-session", "second-daemon", "no-port", "sandbox", "not-ours", "root"),
    "socket-path",
}

REFUSED = [
    ("GET", "/nowhere", None, 404, "no-route"),
    ("GET", "/peers/", None, 404, "no-route"),
    ("GET", "/peers/a/b/c", None, 404, "no-route"),
    ("GET", "/peers/nobody", None, 404, "unknown-peer"),
    ("GET", "/peers/%00", None, 404, "unknown-peer"),
    ("GET", "/peers/%ff%fe", None, 404, "unknown-peer"),
    ("GET", "/peers/%F0%9F%98%80", None, 404, "unknown-peer"),
    ("GET", "/runtimes/none", None, 404, "unknown-runtime"),
    ("GET", "/sessions/none", None, 404, "unknown-session"),
    ("GET", "/messages/none", None, 404, "unknown-message"),
    ("GET", "/events?peer=nobody", None, 404, "unknown-peer"),
    ("GET", "/events/stream?peer=nobody", None, 404, "unknown-peer"),
    ("GET", "/events?after=-1", None, 400, "bad-request"),
    ("GET", f"/events?after={10**30}", None, 400, "bad-request"),
    ("GET", "/events/stream?after=x", None, 400, "bad-request"),
    ("GET", f"/events?kind={'a,' * 10_000}", None, 400, "bad-request"),
    ("GET", "/events?limit=5&limit=1", None, 400, "bad-request"),
    ("GET", "/events?limit=5&limit=", None, 400, "bad-request"),
    ("GET", "/peers/alpha/wait?state=idle&timeout_s=nan", None, 400, "bad-request"),
    ("GET", "/peers/alpha/wait?state=live&timeout_s=0", None, 504, "timeout"),
    ("GET", "/peers/alpha/wait?state=live&runtime=none", None, 404, "unknown-runtime"),
    ("GET", "/peers/alpha/screen", None, 409, "asleep"),
    ("PUT", "/peers", None, 405, "no-method"),
    ("TRACE", "/peers/alpha", None, 405, "no-method"),
    ("POST", "/send", b"", 400, "bad-request"),
    ("POST", "/send", b"\xff", 400, "bad-request"),
    ("POST", "/send", b"[]", 400, "bad-request"),
    ("POST", "/send", b"[" * 100_000, 400, "bad-request"),
    ("POST", "/send", b'{"to": "alpha", "body": "\\ud800"}', 400, "bad-request"),
    ("POST", "/send", b'{"to": "alpha", "body": "x", "at_ms": 1' + b"0" * 5000 + b"}", 400, "bad-request"),
    ("POST", "/send", {"to": "alpha", "body": "x", "urgent": "yes"}, 400, "bad-request"),
    ("POST", "/send", {"to": "alpha", "body": "x", "more": 1}, 400, "bad-request"),
    ("POST", "/send", {"to": "alpha", "body": " "}, 400, "empty"),
    ("POST", "/send", {"to": "nobody", "body": "x"}, 404, "unknown-peer"),
    ("POST", "/send", {"to": "alpha\0", "body": "x"}, 404, "unknown-peer"),
    ("POST", "/send", {"to": "alpha", "body": "x", "re": "none"}, 404, "unknown-message"),
    ("POST", "/send", {"to": "alpha", "body": "x" * (1 << 20)}, 413, "too-large"),
    ("POST", "/peers", {"dir": "relative"}, 400, "bad-request"),
    ("POST", "/peers", {"dir": "/a\0b"}, 400, "bad-request"),
    ("POST", "/peers", {"create": True, "name": "Ü"}, 400, "bad-name"),
    ("PATCH", "/peers/alpha", {"fields": {"idle_secs": "soon"}}, 400, "bad-field"),
    ("PATCH", "/peers/alpha", {"fields": {"nonsense": 1}}, 400, "unknown-field"),
    ("PATCH", "/peers/alpha", b'{"fields": {"description": NaN}}', 400, "bad-field"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), REFUSED)
def test_what_is_refused_says_so(house: Root, method: str, path: str, body: Any, status: int, code: str) -> None:
    """The status for programs that know HTTP, the code for those that know us, a sentence for people."""
    found, answer = ask(house, method, path, body)
    assert (found, answer["error"]["code"]) == (status, code), answer
    assert set(answer) == {"error"}
    assert set(answer["error"]) == {"code", "message", "exit"}
    assert answer["error"]["message"].endswith((".", "?"))
    assert house.call("GET", "/status")["api"] == 1


def test_what_a_query_may_hold_beside_its_parameters(house: Root) -> None:
    """Unknown names, even twice, and empty values are nothing."""
    status, answer = ask(house, "GET", "/events?limit=1&nonsense=1&nonsense=2&peer=&after=0")
    assert status == 200
    assert len(answer["events"]) == 1


def test_a_method_that_is_not_taken_names_those_that_are(house: Root) -> None:
    """405 has an Allow header with every method of the path."""
    assert request(house, "PUT", "/peers/alpha").headers["allow"] == "GET, PATCH, DELETE"


def test_a_code_has_one_status_unless_its_class_has_its_own() -> None:
    """The table is asked for codes; a class of errors with a status of its own keeps it."""

    class Late(Refused):
        http_status = 408

    assert status_of(Refused("x", code="unknown-peer")) == 404
    assert status_of(Refused("x", code="whatever")) == 409
    assert status_of(Late("x", code="unknown-peer")) == 408


# ---- the page


def _raised() -> Iterator[tuple[str, int]]:
    """(code, status) of everything that the daemon's rooms raise with a code of its own."""
    classes = {kind.__name__: kind for kind in _kinds(PeerError)}
    for file in sorted((REPO / "iapeer").rglob("*.py")):
        if file.relative_to(REPO / "iapeer").parts[0] not in _COMMANDS:
            yield from _in(file, classes)


def _kinds(kind: type[PeerError]) -> Iterator[type[PeerError]]:
    yield kind
    for one in kind.__subclasses__():
        yield from _kinds(one)


def _in(file: Path, classes: dict[str, type[PeerError]]) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in classes:
            continue
        for keyword in node.keywords:
            if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                code = str(keyword.value.value)
                yield code, status_of(classes[node.func.id]("", code=code))


def _page() -> set[tuple[str, int]]:
    """(code, status) as docs/http-api.md tells them."""
    found = set()
    for line in (REPO / "docs" / "http-api.md").read_text().splitlines():
        if row := re.match(r"\| (\d{3}) \|(.*)\|(.*)\|$", line):
            assert row[2].strip() == MEANINGS[int(row[1])]
            found |= {(code, int(row[1])) for code in re.findall(r"`([a-z-]+)`", row[3])}
    return found


def test_the_page_lists_every_code_with_its_status() -> None:
    """A code that is raised and not listed is a fault, and so is one that is listed and has another status."""
    page = _page()
    assert {one for one in _raised() if one[0] not in _UNSERVED} <= page
    assert set(STATUS_OF_CODE.items()) <= page
