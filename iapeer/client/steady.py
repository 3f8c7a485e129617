"""Requests that may be made twice: to look, and to send under a key, which is stored once. `send` pays for imports."""

from __future__ import annotations

import os

from iapeer.client.client import call

TYPE_CHECKING = False  # `typing` itself is too slow to import here
if TYPE_CHECKING:
    from typing import Any


def new_key() -> str:
    """An idempotency key for one call of ours."""
    return f"cli-{os.urandom(8).hex()}"


def persist(
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    query: dict[str, Any] | None = None,
    *,
    timeout: float | None,
) -> dict[str, Any]:
    """`client.call`, repeated while the daemon goes away before it answers."""
    return call(method, path, body, query, timeout=timeout, again=True)
