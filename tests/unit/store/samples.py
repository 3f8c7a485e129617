"""What the store's tests put in."""

from __future__ import annotations

from itertools import count
from typing import Any

from iapeer.store import NewMessage, SessionRecord

_numbers = count(1)
BOB = "claude-bob"


def message(body: str = "hello", **changes: Any) -> NewMessage:
    """A message from ann to bob's claude, with a fresh id."""
    given = {
        "id": f"m{next(_numbers):06}",
        "sender": "ann",
        "sender_runtime": "codex",
        "sender_intelligence": "artificial",
        "to": "bob",
        "identity": BOB,
        "body": body,
    }
    return NewMessage(**{**given, **changes})


def session(id: str = "s1", **changes: Any) -> SessionRecord:
    """A fresh session of bob's claude."""
    given = {
        "id": id,
        "identity": BOB,
        "personality": "bob",
        "mode": "fresh",
        "cause": "first-wake",
        "folder": "/work/bob",
        "started_ms": 1_700_000_000_000,
        "token_hash": f"hash-{id}",
    }
    return SessionRecord(**{**given, **changes})
