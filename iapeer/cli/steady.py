"""Requests that outlive the daemon: when it dies under one, it is started again and asked the same once more.

Only for what may be asked twice: to look, and to send under a key, which is stored once. Imports are few: `send` pays.
"""

from __future__ import annotations

import os
import time

from iapeer.cli.client import call
from iapeer.model.errors import Unreachable

TYPE_CHECKING = False  # `typing` itself is too slow to import here
if TYPE_CHECKING:
    from typing import Any

RETRY_S = 20.0  # for a daemon that goes away again and again
_STEP_S = 0.05


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
    """`client.call`, repeated while the daemon goes away before it answers, for at most RETRY_S after it first did.

    A `timeout_s` among the fields is for the whole: a repeated request asks for what is left of it.
    """
    first, lost = time.monotonic(), None
    while True:
        began = time.monotonic()
        try:
            return call(method, path, _left(body, began - first), _left(query, began - first), timeout=timeout)
        except Unreachable as error:
            now = time.monotonic()
            if lost is None or now - began > RETRY_S:
                if error.code != "went-away":
                    raise
                lost = now
            if now - lost > RETRY_S or error.code not in ("went-away", "not-running"):
                raise
        time.sleep(_STEP_S)


def _left(fields: dict[str, Any] | None, passed: float) -> dict[str, Any] | None:
    limit = (fields or {}).get("timeout_s")
    return fields if limit is None or passed < _STEP_S else {**(fields or {}), "timeout_s": max(0.0, limit - passed)}
