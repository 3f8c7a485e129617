"""Who is deaf: whose session was launched when another port or another certificate served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer.api.certificate import certificate
from iapeer.api.port import Port, open_port
from iapeer.model.clock import SystemClock
from iapeer.store import SessionRecord, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """One with a peer."""
    made = Store(tmp_path / "db", SystemClock())
    made.peers.add("ann", "/ann")
    yield made
    made.close()


def _opened(store: Store, folder: Path) -> Port:
    folder.mkdir(exist_ok=True)
    port = open_port(store, certificate(folder / "cert.pem", folder / "key.pem"), 0)
    port.listener.close()
    return port


def _launched(store: Store, port: str | None, started_ms: int = 5000) -> None:
    store.sessions.open(
        SessionRecord(
            id="s1", identity="fake-ann", personality="ann", mode="fresh", cause="message", folder="/ann",
            started_ms=started_ms, token_hash="t", port=port,
        )
    )  # fmt: skip


def test_a_session_from_before_ports_were_recorded_is_deaf(store: Store, tmp_path: Path) -> None:
    """Nobody knows what it calls."""
    _launched(store, None)
    assert _opened(store, tmp_path).deaf() == ["fake-ann"]


@pytest.mark.parametrize("started_ms", [1, 1 << 50])
def test_a_clock_that_was_set_makes_nobody_deaf(store: Store, tmp_path: Path, started_ms: int) -> None:
    """What a session calls is on record: when it began by whatever clock says nothing."""
    _opened(store, tmp_path / "before")
    _launched(store, _opened(store, tmp_path).mark, started_ms)
    assert _opened(store, tmp_path).deaf() == []


def test_another_certificate_makes_deaf_until_it_is_back(store: Store, tmp_path: Path) -> None:
    """By its fingerprint."""
    _launched(store, _opened(store, tmp_path).mark)
    other = _opened(store, tmp_path / "other")
    assert (other.deaf(), other.is_deaf("s1")) == (["fake-ann"], True)
    assert _opened(store, tmp_path).deaf() == []
