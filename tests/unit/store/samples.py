"""What the store's tests put in."""

from __future__ import annotations

from itertools import count
from typing import Any

from iapeer.store import NewMessage, SessionRecord, Store
from iapeer.store.queries import IN_FLIGHT

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


def check_activations(store: Store) -> None:
    """At most one is open for an identity; a row is in flight if and only if it is in an open one."""
    ask = store.database.all
    opened = dict(ask("SELECT id, identity FROM activations WHERE ended_ms IS NULL"))
    assert len(set(opened.values())) == len(opened), opened
    held = ask("SELECT i.seq, i.activation, i.identity FROM inbox i WHERE i.activation IS NOT NULL")
    rows = {(seq, activation) for seq, activation, _ in held}
    assert rows <= set(ask("SELECT row, activation FROM activation_rows"))
    flying = ask(f"SELECT activation, identity, state FROM inbox WHERE {IN_FLIGHT}")
    assert {activation: identity for activation, identity, _ in flying} == opened
    for activation, _, state in flying:
        assert ask("SELECT state FROM activations WHERE id = ?", (activation,)) == [(state,)]
    assert not ask("SELECT seq FROM inbox WHERE state IN ('queued', 'held') AND activation IS NOT NULL")
