"""What a session may ask about itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from iapeer.api.answers import Identity, Name, SessionId, told
from iapeer.api.models import NoQuery
from iapeer.api.web import Call, Endpoint


@with_config(ConfigDict(extra="forbid"))
class Self(TypedDict):
    """Whom a session's token stands for."""

    personality: Name
    identity: Identity
    session: SessionId
    places: Annotated[list[str], told("the folders that it may send files from; links lead nowhere else")]


async def get_self(call: Call[None, NoQuery]) -> Self:
    caller = call.caller
    assert caller.session is not None  # it is for sessions alone
    places = call.api.mail.places(caller) or ()
    return {
        "personality": caller.personality,
        "identity": caller.identity,
        "session": caller.session,
        "places": [str(place) for place in places],
    }


_WHOM = "Whom this token stands for, and where its files may come from"
ENDPOINTS = [Endpoint("GET", "/self", get_self, _WHOM, errors=(409,))]
