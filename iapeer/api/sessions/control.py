"""What is done to a peer's session: started, ended, interrupted, compacted; and waiting for how it is."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from iapeer.actors import compacting, control
from iapeer.actors.actor import Actor
from iapeer.api.fields import Activity, MaybeSession, Status, closed, means
from iapeer.api.peers.identity import activity_word, status_word
from iapeer.api.requests import NoQuery, OfRuntime, Seconds, Target
from iapeer.api.web import ApiCall, Endpoint
from iapeer.fleet.control import let_go, stop
from iapeer.fleet.fleet import Fleet
from iapeer.fleet.standing import wakes
from iapeer.model.errors import Refused, TimedOut
from iapeer.peers.registry import RegisteredPeer


class WaitState(OfRuntime):
    """GET /peers/NAME/wait."""

    state: Literal["idle", "asleep", "live"] = Field(description="the state to wait for")
    timeout_s: Seconds = Field(default=300.0, description="how long to wait")


@closed
class Verb(TypedDict):
    """An identity after something was done to it."""

    identity: Annotated[str | None, means("RUNTIME-PEER; null: it never had a session")]
    status: Status
    activity: Activity
    session: MaybeSession


@closed
class Compacted(Verb):
    """An identity whose conversation was compacted."""

    took_ms: Annotated[float, means("how long it took, milliseconds")]


@closed
class Refreshed(Verb):
    """An identity whose next natural wake is a fresh session."""

    refresh: Literal[True]


VerbCall = ApiCall[Target, NoQuery]


def verb_answer(fleet: Fleet, who: str) -> Verb:
    """How an identity is now."""
    status = fleet.status(who)
    return {
        "identity": who,
        "status": status_word(status, fleet.context.store.peers.is_stopped(who)),
        "activity": activity_word(status),
        "session": status.session.id if status.session else None,
    }


async def post_start(call: VerbCall) -> Verb:
    return await _begin(call, control.start)


async def post_new(call: VerbCall) -> Verb:
    return await _begin(call, control.new)


async def _begin(call: VerbCall, command: Callable[[Actor], Awaitable[None]]) -> Verb:
    known = call.fleet.registry.get(call.name)
    call.fleet.route(known, call.body.runtime)
    await let_go(call.fleet, known, call.body.runtime)
    actor, _ = await call.fleet.ask(known.personality, call.body.runtime, command)
    await actor.until_ready()
    return verb_answer(call.fleet, actor.identity)


async def post_stop(call: VerbCall) -> Verb:
    known, runtime = call.fleet.registry.get(call.name), call.body.runtime
    named = call.fleet.route(known, runtime) if runtime is not None else None
    await stop(call.fleet, known, runtime)
    if named is not None:
        return verb_answer(call.fleet, named)
    actors = call.fleet.of(known)
    if actors:
        return verb_answer(call.fleet, actors[0].identity)
    return {"identity": None, "status": "stopped", "activity": None, "session": None}


async def post_interrupt(call: VerbCall) -> Verb:
    actor, _ = await call.fleet.ask(call.name, call.body.runtime, control.interrupt)
    return verb_answer(call.fleet, actor.identity)


async def post_compact(call: VerbCall) -> Compacted:
    known = call.fleet.registry.get(call.name)
    refuse_stopped(call.fleet, known, call.body.runtime)
    clock = call.fleet.context.clock
    began = clock.monotonic()
    actor, _ = await call.fleet.ask(call.name, call.body.runtime, control.waken)
    await actor.until_ready()
    await compacting.compacted(actor, await actor.ask(compacting.compact))
    return {**verb_answer(call.fleet, actor.identity), "took_ms": round((clock.monotonic() - began) * 1000, 1)}


def refuse_stopped(fleet: Fleet, known: RegisteredPeer, runtime: str | None) -> None:
    """Raise Refused when a person keeps the runtime of the peer that is meant down."""
    if fleet.context.store.peers.is_stopped(fleet.route(known, runtime)):
        name = known.personality
        raise Refused(f"{name} is stopped: `iapeer start {name}` lets it live.", code="stopped")


async def post_refresh(call: VerbCall) -> Refreshed:
    actor, _ = await call.fleet.ask(call.name, call.body.runtime, control.refresh)
    return {**verb_answer(call.fleet, actor.identity), "refresh": True}


async def get_wait(call: ApiCall[None, WaitState]) -> Verb:
    wanted, seconds = call.query.state, call.query.timeout_s
    known = call.fleet.registry.get(call.name)
    who = call.fleet.route(known, call.query.runtime)
    clock = call.fleet.context.clock
    deadline = clock.monotonic() + seconds
    while not _is(call.fleet, who, wanted) and not await call.request.is_disconnected():
        left = deadline - clock.monotonic()
        if left <= 0:
            raise TimedOut(f"{known.personality} is not {wanted} after {seconds:g} s.")
        await call.api.next_event(min(left, 0.25))  # an activity is seen, not told: look now and then
    return verb_answer(call.fleet, who)


def _is(fleet: Fleet, who: str, wanted: str) -> bool:
    status, inbox = fleet.status(who), fleet.context.store.inbox
    session = status.session
    if wanted == "asleep":
        waiting = inbox.next_waiting(who)
        waking = waiting is not None and wakes(fleet, waiting)  # it only seems to sleep: it is being woken
        return not status.lives and not waking
    if session is None or not session.ready:
        return False
    return wanted == "live" or (session.at_rest and inbox.next_waiting(who) is None)


_verb = functools.partial(Endpoint, "POST", body=Target, errors=(409, 502, 504))
ENDPOINTS = [
    _verb("/peers/{name}/start", post_start, "Wake a peer; it may run again"),
    _verb("/peers/{name}/new", post_new, "A fresh session in place of the one that lives"),
    _verb("/peers/{name}/stop", post_stop, "End a peer's sessions and keep it down"),
    _verb("/peers/{name}/interrupt", post_interrupt, "Interrupt a peer's turn"),
    _verb("/peers/{name}/compact", post_compact, "Have a peer compact its conversation"),
    _verb("/peers/{name}/refresh", post_refresh, "A fresh session at the next natural wake"),
    Endpoint("GET", "/peers/{name}/wait", get_wait, "Wait for a peer to be so", query=WaitState, errors=(409, 504)),
]
