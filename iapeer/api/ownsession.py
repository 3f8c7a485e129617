"""What an agent asks and says about its own session."""

from __future__ import annotations

import functools
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from iapeer.actors import control
from iapeer.api.fields import Identity, Name, SessionId, closed, means
from iapeer.api.requests import NoQuery, Request
from iapeer.api.sessions.control import Verb, verb_answer
from iapeer.api.web import ApiCall, Endpoint


class OwnSession(Request):
    """POST /self."""

    verb: Literal["done", "fresh"] = Field(description="done: a worker's task is; fresh: a fresh session is wanted")


@closed
class Self(TypedDict):
    """Whom a session's token stands for."""

    personality: Name
    identity: Identity
    session: SessionId
    places: Annotated[list[str], means("the folders that it may send files from; links lead nowhere else")]


async def get_self(call: ApiCall[None, NoQuery]) -> Self:
    caller = call.caller
    assert caller.session is not None  # it is for sessions alone
    places = call.api.mail.places(caller) or ()
    return {
        "personality": caller.personality,
        "identity": caller.identity,
        "session": caller.session,
        "places": [str(place) for place in places],
    }


async def post_self(call: ApiCall[OwnSession, NoQuery]) -> Verb:
    caller = call.caller
    assert caller.session is not None  # it is for sessions alone
    command = functools.partial(_COMMANDS[call.body.verb], session=caller.session)
    actor, _ = await call.fleet.ask(caller.personality, caller.runtime, command)
    return verb_answer(call.fleet, actor.identity)


_COMMANDS = {"done": control.self_done, "fresh": control.self_fresh}
_WHOM = "Whom this token stands for, and where its files may come from"
ENDPOINTS = [
    Endpoint("GET", "/self", get_self, _WHOM, errors=(409,)),
    Endpoint("POST", "/self", post_self, "An agent's word about its own session", OwnSession, errors=(409,)),
]
