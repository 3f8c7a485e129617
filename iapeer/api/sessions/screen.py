"""A session's screen: shown as text, answered with a key or a text."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator
from typing_extensions import TypedDict

from iapeer.actors import control
from iapeer.actors.actor import Actor
from iapeer.api.fields import Identity, SessionId, closed, means
from iapeer.api.requests import NoQuery, OfRuntime, Target
from iapeer.api.web import ApiCall, Endpoint

ANSWER_LOOKS = 10  # for the screen to show what an answer did


class Answer(Target):
    """POST /peers/NAME/answer: a key's name, or a text."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"properties": {name: {"type": "string"}}, "required": [name]} for name in ("key", "text")]
        }
    )

    key: str | None = Field(default=None, description="a key's name as tmux knows it")
    text: str | None = Field(default=None, description="a text, typed without Enter")

    @model_validator(mode="after")
    def _one_of_both(self) -> Answer:
        if (self.key is None) == (self.text is None):
            raise ValueError("give either key or text")
        return self


@closed
class Screen(TypedDict):
    """What a session shows."""

    identity: Identity
    session: SessionId
    text: Annotated[str, means("the visible screen, without colours")]


async def get_screen(call: ApiCall[None, OfRuntime]) -> Screen:
    actor, (session, text) = await call.fleet.ask(call.name, call.query.runtime, control.screen)
    return {"identity": actor.identity, "session": session, "text": text}


async def post_answer(call: ApiCall[Answer, NoQuery]) -> Screen:
    wish = call.body

    async def press(actor: Actor) -> tuple[str, str]:
        shown = before = await control.screen(actor)
        await control.answer(actor, wish.key, wish.text)
        for _ in range(ANSWER_LOOKS):
            await asyncio.sleep(call.fleet.context.timing.api.answer_look)
            if (shown := await control.screen(actor)) != before:
                break
        return shown

    actor, (session, text) = await call.fleet.ask(call.name, wish.runtime, press)
    return {"identity": actor.identity, "session": session, "text": text}


_SCREEN = "A peer's screen as text"
ENDPOINTS = [
    Endpoint("GET", "/peers/{name}/screen", get_screen, _SCREEN, query=OfRuntime, errors=(409, 502)),
    Endpoint(
        "POST", "/peers/{name}/answer", post_answer, "Press a key or type a text in a session", Answer,
        errors=(409, 502, 504),
    ),
]  # fmt: skip
