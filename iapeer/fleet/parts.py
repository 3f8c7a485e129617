"""Changes of any number of rows: part after part, others having their turn between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from iapeer.store import Row, Store

REST_S = 0.001  # between two parts: a request takes several turns of the loop


async def all_of(part: Callable[[], int]) -> None:
    """Part after part until nothing is left."""
    for _ in iter(part, 0):
        await asyncio.sleep(REST_S)


def end_part(store: Store, end: Callable[[], list[Row]], tell: Callable[[Row], None]) -> int:
    """End a part of some rows, and tell of each, in one transaction; how many."""
    with store.together():
        rows = end()
        for row in rows:
            tell(row)
    return len(rows)
