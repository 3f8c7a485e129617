"""The far ends: a real model server's record, and an agent's own transcripts."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from iapeer.conformance.witness import ModelServer, OwnRecord, messages_of
from iapeer.model.envelope import Envelope, wire
from iapeer.model.errors import Failed
from iapeer.runtimes.load import read_adapter
from tests.harness import REPO


def message(ident: str, body: str) -> str:
    """A message as it is typed."""
    return wire(Envelope(ident, "operator", "shell", "natural", body))


def ask(server: ModelServer, *texts: str) -> None:
    """What an agent asks of its model, after a history."""
    turns = [{"role": "user", "content": [{"type": "text", "text": text}]} for text in texts]
    body = {"model": "m", "messages": turns, "tools": [{"name": "Bash"}]}
    request = urllib.request.Request(f"{server.url}/v1/messages", json.dumps(body).encode())
    urllib.request.urlopen(request, timeout=10).read()


def test_the_model_server_tells_what_it_was_sent(tmp_path: Path) -> None:
    """In order; a request that is repeated counts once, a message that came twice counts twice; with the context."""
    with ModelServer("messages", tmp_path / "record.jsonl") as server:
        first, second = message("1", "one"), message("2", "two")
        ask(server, first)
        ask(server, first, second)
        ask(server, first, second)
        ask(server, first, second, second)
        assert [envelope and envelope.id for envelope in messages_of(server)] == ["1", "2", "2"]
        assert json.dumps(first)[1:-1] in server.context("2")
        assert json.dumps(second)[1:-1] not in server.context("1")
        assert server.request("3") == {} and server.request("2")["tools"] == ["Bash"]


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Its file is what is missing."""
    with pytest.raises(Failed, match=r"fake_morse\.py is missing"):
        ModelServer("morse", tmp_path / "record.jsonl")


def test_an_agents_own_record(tmp_path: Path) -> None:
    """All its conversations together, or one of them."""
    folder = tmp_path / "conversations"
    folder.mkdir()
    for number, conversation in enumerate(("a", "b")):
        text = message(str(number), f"body {number}")
        records = [{"type": "user", "text": text}, {"type": "assistant", "text": f"ECHO: body {number}"}]
        (folder / f"{conversation}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    own = OwnRecord(read_adapter(REPO / "fixtures" / "fake.toml"), lambda: str(tmp_path))
    assert [envelope and envelope.body for envelope in messages_of(own)] == ["body 0", "body 1"]
    assert own.said("b") == "ECHO: body 1"
    assert own.holds("a", "0") and not own.holds("a", "1")
    assert "body 1" in own.context("1") and "body 1" not in own.context("0")
