"""Who is deaf: whose session was launched when another port or another certificate served."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer.api.certificate import certificate
from iapeer.api.port import Port, open_port
from iapeer.model.clock import SystemClock
from iapeer.store import Session, Store

STARTED_MS = 5000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """One with a session that began at STARTED_MS."""
    made = Store(tmp_path / "db", SystemClock())
    made.add_peer("ann", "/ann")
    made.open_session(
        Session(
            id="s1", identity="fake-ann", personality="ann", mode="fresh", cause="message", folder="/ann",
            started_ms=STARTED_MS, token_hash="t",
        )
    )  # fmt: skip
    yield made
    made.close()


def _opened(store: Store, folder: Path, now_ms: int) -> Port:
    port = open_port(store, certificate(folder / "cert.pem", folder / "key.pem"), 0, now_ms)
    port.listener.close()
    return port


def test_a_session_from_before_there_was_a_certificate_is_deaf(store: Store, tmp_path: Path) -> None:
    """It calls the same port, in plain; who was launched since does not."""
    number = _opened(store, tmp_path, 1).number
    store.put_setting("tcp_ports", json.dumps([[0, number]]))
    assert _opened(store, tmp_path, STARTED_MS + 1).deaf() == ["fake-ann"]
    store.put_setting("tcp_ports", json.dumps([[0, number]]))
    assert _opened(store, tmp_path, STARTED_MS - 1).deaf() == []


def test_another_certificate_makes_deaf_until_it_is_back(store: Store, tmp_path: Path) -> None:
    """By its fingerprint."""
    (tmp_path / "other").mkdir()
    assert _opened(store, tmp_path, 1).deaf() == []
    other = _opened(store, tmp_path / "other", STARTED_MS + 1)
    assert (other.deaf(), other.is_deaf("s1")) == (["fake-ann"], True)
    assert _opened(store, tmp_path, STARTED_MS + 2).deaf() == []
