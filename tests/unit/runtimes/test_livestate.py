"""The file in which an agent says what it does: optional, and never trusted to be whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iapeer.runtimes.adapter import LiveState
from iapeer.runtimes.livestate import Live, Unreadable, read_live
from iapeer.runtimes.load import read_adapter
from tests.harness import REPO

_rules = read_adapter(REPO / "fixtures" / "fake.toml").live_state
assert _rules is not None
RULES: LiveState = _rules


def _read(path: Path, content: object, started: int | None = 77) -> Live | None:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_live(RULES, path, started)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


@pytest.mark.parametrize(
    ("word", "status"), [("idle", "idle"), ("busy", "busy"), ("shell", "background"), ("waiting", "waiting")]
)
def test_its_words_are_understood(path: Path, word: str, status: str) -> None:
    """Status, conversation and the time of the last change; a reason only while waiting."""
    live = _read(path, {"status": word, "procStart": "77", "conversation": "c1", "updatedMs": 5.7})
    assert live == Live(status, "question" if status == "waiting" else None, "c1", 5)  # type: ignore[arg-type]


def test_why_it_waits(path: Path) -> None:
    """A known word is a typed reason; any other is a question."""
    for word, reason in (("permission prompt", "permission"), ("a riddle", "question"), (7, "question")):
        live = _read(path, {"status": "waiting", "waitingFor": word})
        assert live is not None
        assert live.reason == reason


def test_no_file_and_half_a_file_say_nothing(path: Path) -> None:
    """Missing, empty, cut off, no UTF-8, nested beyond reason: no state, and no error."""
    assert read_live(RULES, path, 77) is None
    for content in (b"", b'{"status": "id', b"\xff\xff", b"[" * 100_000):
        assert _read(path, content) is None, content[:20]


def test_what_has_no_status_is_loading(path: Path) -> None:
    """A file that says nothing of a status yet, or is no object."""
    contents: list[object] = [{}, {"status": None}, [], 7, "idle"]
    for content in contents:
        live = _read(path, content)
        assert live is not None
        assert live.status == "loading"


def test_another_process_is_not_ours(path: Path) -> None:
    """A file of an earlier process with the same number is left alone; an unknown start is believed."""
    assert _read(path, {"status": "idle", "procStart": "78"}) is None
    assert _read(path, {"status": "idle", "procStart": 77}) is not None
    assert _read(path, {"status": "idle"}) is not None
    assert _read(path, {"status": "idle", "procStart": "78"}, None) is not None


def test_an_unknown_status_is_told(path: Path) -> None:
    """A release that changed the file: the caller falls back, and says so."""
    words: list[object] = ["dreaming", 3, ["idle"], {}]
    for word in words:
        with pytest.raises(Unreadable, match="does not know"):
            _read(path, {"status": word})


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"true", b'"soon"', b"[]"])
def test_a_time_that_is_none_is_left_out(path: Path, number: bytes) -> None:
    """No number in it makes the rest unreadable."""
    live = _read(path, b'{"status": "idle", "updatedMs": ' + number + b"}")
    assert live is not None
    assert live.status == "idle"
