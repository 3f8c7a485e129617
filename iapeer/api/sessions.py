"""Sessions: started, stopped, shown, waited for."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable

from iapeer.actors import control
from iapeer.actors.actor import Actor
from iapeer.actors.control import Shown
from iapeer.api import answers, views
from iapeer.api.models import Answer, Attach, Launch, NoQuery, OfRuntime, OwnSession, Target, WaitEnd, WaitState
from iapeer.api.web import Call, Endpoint
from iapeer.fleet.control import let_go, stop
from iapeer.fleet.fleet import Fleet
from iapeer.fleet.standing import wakes
from iapeer.model.errors import Failed, Refused, TimedOut
from iapeer.peers.registry import Known

ANSWER_LOOKS, ANSWER_APART_S = 10, 0.05  # for the screen to show what an answer did
Verb = Call[Target, NoQuery]


def _verb(fleet: Fleet, actor: Actor) -> answers.Verb:
    return {
        "identity": actor.at.identity,
        "status": views.status_of(actor, fleet.context.store.peers.is_stopped(actor.at.identity)),
        "activity": views.activity_of(actor),
        "session": actor.at.running.id if actor.at.running else None,
    }


async def post_start(call: Verb) -> answers.Verb:
    return await _begin(call, control.start)


async def post_new(call: Verb) -> answers.Verb:
    return await _begin(call, control.new)


async def _begin(call: Verb, command: Callable[[Actor], Awaitable[None]]) -> answers.Verb:
    known = call.fleet.registry.get(call.name)
    call.fleet.route(known, call.body.runtime)
    await let_go(call.fleet, known, call.body.runtime)
    actor, _ = await call.fleet.ask(known.personality, call.body.runtime, command)
    await actor.until_ready()
    return _verb(call.fleet, actor)


async def post_stop(call: Verb) -> answers.Verb:
    known, runtime = call.fleet.registry.get(call.name), call.body.runtime
    named = call.fleet.route(known, runtime) if runtime is not None else None
    await stop(call.fleet, known, runtime)
    if named is not None:
        return _verb(call.fleet, call.fleet.actor(named))
    actors = call.fleet.of(known)
    if actors:
        return _verb(call.fleet, actors[0])
    return {"identity": None, "status": "stopped", "activity": None, "session": None}


async def post_interrupt(call: Verb) -> answers.Verb:
    actor, _ = await call.fleet.ask(call.name, call.body.runtime, control.interrupt)
    return _verb(call.fleet, actor)


async def post_compact(call: Verb) -> answers.Compacted:
    known = call.fleet.registry.get(call.name)
    _not_stopped(call.fleet, known, call.body.runtime)
    clock = call.fleet.context.clock
    began = clock.monotonic()
    actor, _ = await call.fleet.ask(call.name, call.body.runtime, control.waken)
    await actor.until_ready()
    await control.compacted(actor, await actor.ask(control.compact))
    return {**_verb(call.fleet, actor), "took_ms": round((clock.monotonic() - began) * 1000, 1)}


async def post_refresh(call: Verb) -> answers.Refreshed:
    actor, _ = await call.fleet.ask(call.name, call.body.runtime, control.refresh)
    return {**_verb(call.fleet, actor), "refresh": True}


async def post_self(call: Call[OwnSession, NoQuery]) -> answers.Verb:
    caller = call.caller
    assert caller.session is not None  # it is for sessions alone
    command = functools.partial(_SELF[call.body.verb], session=caller.session)
    actor, _ = await call.fleet.ask(caller.personality, caller.runtime, command)
    return _verb(call.fleet, actor)


_SELF = {"done": control.self_done, "fresh": control.self_fresh}


async def post_attach(call: Call[Attach, NoQuery]) -> answers.View:
    known = call.fleet.registry.get(call.name)
    _not_stopped(call.fleet, known, call.body.runtime)

    async def show(actor: Actor) -> Shown:
        return await control.attach(actor, call.body.read_only)

    actor, shown = await call.fleet.ask(known.personality, call.body.runtime, show)
    if shown.woke:
        await _comes_up(actor)
    return _shown(actor, shown)


async def _comes_up(actor: Actor) -> None:
    """A person is shown a session that takes input or asks something; why another one ended, here."""
    try:
        await actor.until_ready()
    except Failed as error:
        if error.code != "blocked":
            raise


def _not_stopped(fleet: Fleet, known: Known, runtime: str | None) -> None:
    if fleet.context.store.peers.is_stopped(fleet.route(known, runtime)):
        name = known.personality
        raise Refused(f"{name} is stopped: `iapeer start {name}` lets it live.", code="stopped")


async def post_launch(call: Call[Launch, NoQuery]) -> answers.View:
    known = call.fleet.registry.get(call.name)
    call.fleet.route(known, call.body.runtime)
    await let_go(call.fleet, known, call.body.runtime)

    async def begin(actor: Actor) -> Shown:
        return await control.folder_launch(actor, tuple(call.body.args))

    return _shown(*await call.fleet.ask(known.personality, call.body.runtime, begin))


def _shown(actor: Actor, shown: Shown) -> answers.View:
    return {"identity": actor.at.identity, "session": shown.session, "woke": shown.woke, "argv": shown.argv}


async def get_screen(call: Call[None, OfRuntime]) -> answers.Screen:
    actor, (session, text) = await call.fleet.ask(call.name, call.query.runtime, control.screen)
    return {"identity": actor.at.identity, "session": session, "text": text}


async def post_answer(call: Call[Answer, NoQuery]) -> answers.Screen:
    wish = call.body

    async def press(actor: Actor) -> tuple[str, str]:
        shown = before = await control.screen(actor)
        await control.answer(actor, wish.key, wish.text)
        for _ in range(ANSWER_LOOKS):
            await asyncio.sleep(ANSWER_APART_S)
            if (shown := await control.screen(actor)) != before:
                break
        return shown

    actor, (session, text) = await call.fleet.ask(call.name, wish.runtime, press)
    return {"identity": actor.at.identity, "session": session, "text": text}


async def get_wait(call: Call[None, WaitState]) -> answers.Verb:
    wanted, seconds = call.query.state, call.query.timeout_s
    known = call.fleet.registry.get(call.name)
    actor = call.fleet.actor(call.fleet.route(known, call.query.runtime))
    clock = call.fleet.context.clock
    deadline = clock.monotonic() + seconds
    while not _is(call.fleet, actor, wanted) and not await call.request.is_disconnected():
        left = deadline - clock.monotonic()
        if left <= 0:
            raise TimedOut(f"{known.personality} is not {wanted} after {seconds:g} s.")
        await call.api.next_event(min(left, 0.25))  # an activity is seen, not told: look now and then
    return _verb(call.fleet, actor)


def _is(fleet: Fleet, actor: Actor, wanted: str) -> bool:
    running = actor.at.running
    if wanted == "asleep":
        waiting = fleet.context.store.inbox.next_waiting(actor.at.identity)
        waking = waiting is not None and wakes(fleet, waiting)  # it only seems to sleep: it is being woken
        return running is None and actor.at.unreachable is None and not waking
    if running is None or not running.ready:
        return False
    if wanted == "live":
        return True
    at_rest = actor.at.activity()[0] == "idle" and actor.at.attempt is None
    return at_rest and actor.at.context.store.inbox.next_waiting(actor.at.identity) is None


async def get_session(call: Call[None, WaitEnd]) -> answers.Session:
    store, clock = call.fleet.context.store, call.fleet.context.clock
    deadline = clock.monotonic() + call.query.wait_end_s
    while True:
        found = store.sessions.get(call.name)
        if found is None:
            raise Refused(f"There is no session '{call.name}'.", code="unknown-session")
        left = deadline - clock.monotonic()
        if found.ended_ms is not None or left <= 0 or await call.request.is_disconnected():
            return views.session(found)
        await call.api.next_event(min(left, 60.0))


_waking = functools.partial(Endpoint, "POST", errors=(409, 502, 504))
ENDPOINTS = [
    _waking("/peers/{name}/start", post_start, "Wake a peer; it may run again", Target),
    _waking("/peers/{name}/new", post_new, "A fresh session in place of the one that lives", Target),
    _waking("/peers/{name}/stop", post_stop, "End a peer's sessions and keep it down", Target),
    _waking("/peers/{name}/interrupt", post_interrupt, "Interrupt a peer's turn", Target),
    _waking("/peers/{name}/compact", post_compact, "Have a peer compact its conversation", Target),
    _waking("/peers/{name}/refresh", post_refresh, "A fresh session at the next natural wake", Target),
    Endpoint("POST", "/self", post_self, "An agent's word about its own session", OwnSession, errors=(409,)),
    _waking("/peers/{name}/attach", post_attach, "The command that shows a peer's session", Attach),
    _waking("/peers/{name}/launch", post_launch, "The folder launch: the same, started if need be", Launch),
    Endpoint("GET", "/peers/{name}/screen", get_screen, "A peer's screen as text", query=OfRuntime, errors=(409, 502)),
    _waking("/peers/{name}/answer", post_answer, "Press a key or type a text in a session", Answer),
    Endpoint("GET", "/peers/{name}/wait", get_wait, "Wait for a peer to be so", query=WaitState, errors=(409, 504)),
    Endpoint("GET", "/sessions/{name}", get_session, "One session; may wait for its end", query=WaitEnd),
]
