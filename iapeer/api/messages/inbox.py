"""The messages of a peer, or of the operator."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from iapeer.api.fields import closed, means
from iapeer.api.messages.row import Row, row_answer
from iapeer.api.requests import NoQuery
from iapeer.api.web import ApiCall, Endpoint
from iapeer.model.names import OPERATOR
from iapeer.model.states import FINAL


@closed
class Inbox(TypedDict):
    """The messages of a peer."""

    rows: Annotated[list[Row], means("the newest 100, and the oldest 1000 that are not final; the newest last")]
    more: Annotated[int, means("how many that are not final are left out, for there are too many")]


async def get_inbox(call: ApiCall[None, NoQuery]) -> Inbox:
    if call.name != OPERATOR:
        call.fleet.registry.get(call.name)
    store = call.fleet.context.store
    rows = store.inbox.recent(call.name)
    shown = sum(row.state not in FINAL for row in rows)
    return {
        "rows": [row_answer(call.fleet, row) for row in rows],
        "more": store.inbox.count_unfinished(call.name) - shown,
    }


ENDPOINTS = [Endpoint("GET", "/peers/{name}/inbox", get_inbox, "The messages of a peer, or of the operator")]
