"""How a person gets to see a session: attached to, or begun from its folder."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from iapeer.actors import control
from iapeer.actors.actor import Actor
from iapeer.actors.control import Shown
from iapeer.api.fields import Identity, SessionId, closed, means
from iapeer.api.requests import NoQuery, Request, RuntimeName, Target
from iapeer.api.sessions.control import refuse_stopped
from iapeer.api.web import ApiCall, Endpoint
from iapeer.fleet.control import let_go
from iapeer.model.errors import Failed


class Attach(Target):
    """POST /peers/NAME/attach."""

    read_only: bool = Field(default=False, description="look, and press no keys")


class Launch(Request):
    """POST /peers/NAME/launch."""

    runtime: RuntimeName
    args: list[str] = Field(default=[], fail_fast=True, description="more arguments for the agent program")


@closed
class View(TypedDict):
    """How a person gets to see a session."""

    identity: Identity
    session: SessionId
    woke: Annotated[bool, means("whether it slept")]
    argv: Annotated[list[str], means("the command that shows it")]


async def post_attach(call: ApiCall[Attach, NoQuery]) -> View:
    known = call.fleet.registry.get(call.name)
    refuse_stopped(call.fleet, known, call.body.runtime)

    async def show(actor: Actor) -> Shown:
        return await control.attach(actor, call.body.read_only)

    actor, shown = await call.fleet.ask(known.personality, call.body.runtime, show)
    if shown.woke:
        await _come_up(actor)
    return _view(actor, shown)


async def _come_up(actor: Actor) -> None:
    """Wait until the session takes input or asks a person something; Failed, with why, when it ends."""
    try:
        await actor.until_ready()
    except Failed as error:
        if error.code != "blocked":
            raise


async def post_launch(call: ApiCall[Launch, NoQuery]) -> View:
    known = call.fleet.registry.get(call.name)
    call.fleet.route(known, call.body.runtime)
    await let_go(call.fleet, known, call.body.runtime)

    async def begin(actor: Actor) -> Shown:
        return await control.folder_launch(actor, tuple(call.body.args))

    return _view(*await call.fleet.ask(known.personality, call.body.runtime, begin))


def _view(actor: Actor, shown: Shown) -> View:
    return {"identity": actor.identity, "session": shown.session, "woke": shown.woke, "argv": shown.argv}


_ERRORS = (409, 502, 504)
_LAUNCH = "The folder launch: the same, started if need be"
ENDPOINTS = [
    Endpoint(
        "POST", "/peers/{name}/attach", post_attach, "The command that shows a peer's session", Attach, errors=_ERRORS
    ),
    Endpoint("POST", "/peers/{name}/launch", post_launch, _LAUNCH, Launch, errors=_ERRORS),
]
