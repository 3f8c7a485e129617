"""The routes of `/fleet/v1`. A handler parses, calls the fleet, and shapes the answer."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from iapeer.actors import control
from iapeer.actors.actor import Actor
from iapeer.actors.control import Shown
from iapeer.api import views
from iapeer.api.caller import caller_of
from iapeer.api.models import Answer, Attach, Launch, NewPeer, Send, Target, parse
from iapeer.api.sending import WAIT_DEFAULT_S, send
from iapeer.daemon.fleet import Caller, Fleet
from iapeer.model.errors import PeerError, Refused, TimedOut, Usage
from iapeer.sessions.bringup import no_tmux

log = logging.getLogger("iapeer.api")
BODY_LIMIT = 1 << 20
STREAM_BEAT_S = 15.0
ANSWER_LOOKS, ANSWER_APART_S = 10, 0.05  # for the screen to show what an answer did
Answered = dict[str, Any]
Handler = Callable[["Api", Request], Awaitable[Answered | Response]]


class Api:
    """What handlers need: the fleet, how long `send` waits for a proof, and how to stop the daemon."""

    def __init__(self, fleet: Fleet, send_wait_s: float, stop: Callable[[], None]) -> None:
        self.fleet = fleet
        self.send_wait_s = send_wait_s
        self.stop = stop
        self.tcp: str | None = None
        self.problems: list[str] = []  # what is wrong with the settings
        self.ready = asyncio.Event()  # the sessions that outlived the last daemon were looked for

    def app(self) -> Starlette:
        """The application, to be served on the unix socket."""
        routes = [Route(path, self._endpoint(handler), methods=[method]) for method, path, handler in _ROUTES]
        return Starlette(
            routes=[Mount("/fleet/v1", routes=routes)], exception_handlers={404: _not_found, 405: _not_found}
        )

    def _endpoint(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                await self.ready.wait()
                answer = await handler(self, request)
            except PeerError as error:
                return failure(error)
            except Exception as error:  # the request boundary: one bad request must not end the daemon
                log.exception("request %s %s", request.method, request.url.path)
                return failure(PeerError(f"The daemon failed: {type(error).__name__}: {error}. Its log has more."))
            return answer if isinstance(answer, Response) else JSONResponse(answer)

        return endpoint


def failure(error: PeerError) -> JSONResponse:
    """An error as its answer."""
    told = {"code": error.code, "message": str(error), "exit": error.exit_code}
    return JSONResponse({"error": told}, status_code=error.http_status)


async def _not_found(request: Request, _: Exception) -> Response:
    return failure(Usage(f"There is no {request.method} {request.url.path}.", code="no-route"))


def _operator(request: Request, api: Api, what: str) -> None:
    """An agent may ask its fellows, but not press their keys: it could approve what it is asked itself."""
    caller = caller_of(request, api.fleet)
    if caller != Caller():
        raise Refused(f"{caller.personality} may not {what}: that is for the operator.", code="operator-only")


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_LIMIT:
            raise Refused(f"The request is larger than {BODY_LIMIT} bytes.", code="too-large")
    return bytes(body)


def _number(request: Request, name: str, default: float) -> float:
    value = request.query_params.get(name)
    try:
        number = default if value in (None, "") else float(value or 0)
    except ValueError as error:
        raise Usage(f"{name} is not a number: '{value}'.", code="bad-request") from error
    if not 0 <= number < 2**62:
        raise Usage(f"{name} is out of range: {value}.", code="bad-request")
    return number


# ---- the house


async def get_status(api: Api, _: Request) -> Answered:
    return views.status(api.fleet, api.tcp)


async def get_verify(api: Api, _: Request) -> Answered:
    found = [vars(problem) for problem in api.fleet.registry.verify()]
    config = str(api.fleet.site.layout.config / "config.toml")
    house = [("error", "tmux", no_tmux())] if no_tmux() else []
    house += [("warning", config, problem) for problem in api.problems]
    told = [{"personality": "iapeer", "level": level, "path": path, "message": text} for level, path, text in house]
    return {"problems": told + found}


async def get_runtimes(api: Api, _: Request) -> Answered:
    catalogue = api.fleet.registry.catalogue
    return {"runtimes": [await views.runtime(api.fleet, catalogue.get(name)) for name in catalogue.names()]}


async def get_runtime(api: Api, request: Request) -> Answered:
    return await views.runtime(api.fleet, api.fleet.registry.catalogue.get(request.path_params["name"]))


async def post_daemon_stop(api: Api, request: Request) -> Answered:
    _operator(request, api, "stop the daemon")
    api.stop()
    return {"stopping": True}


# ---- peers


async def get_peers(api: Api, _: Request) -> Answered:
    return {"api": views.API, "peers": [views.peer(api.fleet, known) for known in api.fleet.registry.all()]}


async def post_peers(api: Api, request: Request) -> Answered:
    caller_of(request, api.fleet)
    wish = parse(NewPeer, await _body(request))
    fields = {
        "default_runtime": wish.runtime, "description": wish.description, "wake_policy": wish.wake_policy,
        "permissions": wish.permissions, "model": wish.model,
    }  # fmt: skip
    wishes = {name: value for name, value in fields.items() if value is not None}
    folder = Path(wish.dir) if wish.dir else None
    if folder is not None and not folder.is_absolute():
        raise Usage(f"The folder '{folder}' is not an absolute path.", code="bad-request")
    if wish.create:
        known, created = api.fleet.registry.create(_required(wish.name, "name"), folder, wishes)
    else:
        known, created = api.fleet.registry.init(Path(_required(wish.dir, "dir")), wishes, wish.name)
    warning = api.fleet.registry.missing(known.sound().default_runtime if wish.runtime is None else wish.runtime)
    return {"peer": views.peer(api.fleet, known), "created": created, "warning": warning}


def _required(value: str | None, name: str) -> str:
    if not value:
        raise Usage(f"The request's field {name}: it is required.", code="bad-request")
    return value


async def get_peer(api: Api, request: Request) -> Answered:
    known = api.fleet.registry.get(request.path_params["name"])
    sessions = api.fleet.site.store.sessions(known.personality, 1)
    profile = known.profile.model_dump(mode="json") if known.profile else None
    return {
        "peer": views.peer(api.fleet, known),
        "profile": profile,
        "profile_path": str(known.folder / ".iapeer" / "peer-profile.json"),
        "last_session": views.session(sessions[0]) if sessions else None,
    }


async def delete_peer(api: Api, request: Request) -> Answered:
    _operator(request, api, "remove a peer")
    known = api.fleet.registry.get(request.path_params["name"])
    await api.fleet.remove(known, request.query_params.get("force") == "1")
    return {"removed": known.personality, "cwd": str(known.folder)}


async def get_inbox(api: Api, request: Request) -> Answered:
    known = api.fleet.registry.get(request.path_params["name"])
    return {"rows": [views.row(api.fleet, row) for row in api.fleet.site.store.inbox(known.personality)]}


# ---- sessions


def _verb(api: Api, actor: Actor) -> Answered:
    known = api.fleet.registry.get(actor.at.personality)
    activity = actor.at.activity()[0] if actor.at.running else None
    return {
        "identity": actor.at.identity,
        "status": views.status_of(actor, known.record.stopped),
        "activity": activity,
        "session": actor.at.running.id if actor.at.running else None,
    }


async def post_start(api: Api, request: Request) -> Answered:
    return await _begin(api, request, control.start)


async def post_new(api: Api, request: Request) -> Answered:
    return await _begin(api, request, control.new)


async def _begin(api: Api, request: Request, command: Callable[[Actor], Awaitable[None]]) -> Answered:
    caller_of(request, api.fleet)
    wish = parse(Target, await _body(request))
    known = api.fleet.registry.get(request.path_params["name"])
    api.fleet.route(known, wish.runtime)
    api.fleet.let_go(known)
    actor, _ = await api.fleet.ask(known.personality, wish.runtime, command)
    await actor.until_ready()
    return _verb(api, actor)


async def post_stop(api: Api, request: Request) -> Answered:
    caller_of(request, api.fleet)
    wish = parse(Target, await _body(request))
    known = api.fleet.registry.get(request.path_params["name"])
    if wish.runtime is not None:
        api.fleet.route(known, wish.runtime)
    await api.fleet.stop(known)
    actors = api.fleet.of(known)
    if actors:
        return _verb(api, actors[0])
    return {"identity": None, "status": "stopped", "activity": None, "session": None}


async def post_interrupt(api: Api, request: Request) -> Answered:
    caller_of(request, api.fleet)
    wish = parse(Target, await _body(request))
    actor, _ = await api.fleet.ask(request.path_params["name"], wish.runtime, control.interrupt)
    return _verb(api, actor)


async def post_attach(api: Api, request: Request) -> Answered:
    caller_of(request, api.fleet)
    wish = parse(Attach, await _body(request))
    known = api.fleet.registry.get(request.path_params["name"])
    if known.record.stopped:
        raise Refused(
            f"{known.personality} is stopped: `iapeer start {known.personality}` lets it live.", code="stopped"
        )

    async def show(actor: Actor) -> Shown:
        return await control.attach(actor, wish.read_only)

    actor, shown = await api.fleet.ask(known.personality, wish.runtime, show)
    return _shown(actor, shown)


async def post_launch(api: Api, request: Request) -> Answered:
    caller_of(request, api.fleet)
    wish = parse(Launch, await _body(request))
    known = api.fleet.registry.get(request.path_params["name"])
    api.fleet.route(known, wish.runtime)
    api.fleet.let_go(known)

    async def begin(actor: Actor) -> Shown:
        return await control.folder_launch(actor, tuple(wish.args))

    actor, shown = await api.fleet.ask(known.personality, wish.runtime, begin)
    return _shown(actor, shown)


def _shown(actor: Actor, shown: Shown) -> Answered:
    return {"identity": actor.at.identity, "session": shown.session, "woke": shown.woke, "argv": shown.argv}


async def get_screen(api: Api, request: Request) -> Answered:
    actor, (session, text) = await api.fleet.ask(
        request.path_params["name"], request.query_params.get("runtime") or None, control.screen
    )
    return {"identity": actor.at.identity, "session": session, "text": text}


async def post_answer(api: Api, request: Request) -> Answered:
    _operator(request, api, "answer for a peer")
    wish = parse(Answer, await _body(request))

    async def press(actor: Actor) -> tuple[str, str]:
        shown = before = await control.screen(actor)
        await control.answer(actor, wish.key, wish.text)
        for _ in range(ANSWER_LOOKS):
            await asyncio.sleep(ANSWER_APART_S)
            if (shown := await control.screen(actor)) != before:
                break
        return shown

    actor, (session, text) = await api.fleet.ask(request.path_params["name"], wish.runtime, press)
    return {"identity": actor.at.identity, "session": session, "text": text}


async def get_wait(api: Api, request: Request) -> Answered:
    wanted = request.query_params.get("state")
    if wanted not in ("idle", "asleep", "live"):
        raise Usage(f"'{wanted}' cannot be waited for: use idle, asleep or live.", code="bad-request")
    seconds = _number(request, "timeout_s", WAIT_DEFAULT_S)
    known = api.fleet.registry.get(request.path_params["name"])
    actor = api.fleet.actor(api.fleet.route(known, request.query_params.get("runtime") or None))
    clock = api.fleet.site.clock
    deadline = clock.monotonic() + seconds
    while not _is(actor, wanted) and not await request.is_disconnected():
        left = deadline - clock.monotonic()
        if left <= 0:
            raise TimedOut(f"{known.personality} is not {wanted} after {seconds:g} s.")
        await api.fleet.next_event(min(left, 0.25))  # an activity is seen, not told: look now and then
    return _verb(api, actor)


def _is(actor: Actor, wanted: str) -> bool:
    running = actor.at.running
    if wanted == "asleep":
        return running is None
    if running is None or not running.ready:
        return False
    return wanted == "live" or (actor.at.activity()[0] == "idle" and actor.at.attempt is None)


async def get_session(api: Api, request: Request) -> Answered:
    store, clock = api.fleet.site.store, api.fleet.site.clock
    deadline = clock.monotonic() + _number(request, "wait_end_s", 0)
    while True:
        found = store.session(request.path_params["id"])
        if found is None:
            raise Refused(f"There is no session '{request.path_params['id']}'.", code="unknown-session")
        left = deadline - clock.monotonic()
        if found.ended_ms is not None or left <= 0:
            return views.session(found)
        await api.fleet.next_event(left)


# ---- messages and events


async def post_send(api: Api, request: Request) -> Answered:
    caller = caller_of(request, api.fleet)
    return await send(api, caller, parse(Send, await _body(request)))


async def get_message(api: Api, request: Request) -> Answered:
    row = api.fleet.site.store.row(request.path_params["id"])
    if row is None:
        raise Refused(f"There is no message '{request.path_params['id']}'.", code="unknown-message")
    return views.message(api.fleet, row)


def _filters(api: Api, request: Request) -> dict[str, Any]:
    peer = request.query_params.get("peer")
    if peer:
        api.fleet.registry.get(peer)
    kinds = [kind for kind in request.query_params.get("kind", "").split(",") if kind]
    return {"personality": peer or None, "kinds": tuple(kinds)}


async def get_events(api: Api, request: Request) -> Answered:
    after, limit = int(_number(request, "after", 0)), int(_number(request, "limit", 1000))
    found = api.fleet.site.store.events(after, limit=max(1, min(limit, 10_000)), **_filters(api, request))
    return {"events": [event.flat() for event in found], "next": found[-1].seq if found else after}


async def get_event_stream(api: Api, request: Request) -> Response:
    after, filters = int(_number(request, "after", 0)), _filters(api, request)
    return StreamingResponse(_stream(api, after, filters), media_type="text/event-stream")


async def _stream(api: Api, after: int, filters: dict[str, Any]) -> AsyncIterator[str]:
    while True:
        found = api.fleet.site.store.events(after, limit=500, **filters)
        for event in found:
            after = event.seq
            yield f"id: {event.seq}\ndata: {json.dumps(event.flat())}\n\n"
        if not found:
            await api.fleet.next_event(STREAM_BEAT_S)
            yield ": still here\n\n"


_ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/status", get_status),
    ("GET", "/verify", get_verify),
    ("GET", "/runtimes", get_runtimes),
    ("GET", "/runtimes/{name}", get_runtime),
    ("POST", "/daemon/stop", post_daemon_stop),
    ("GET", "/peers", get_peers),
    ("POST", "/peers", post_peers),
    ("GET", "/peers/{name}", get_peer),
    ("DELETE", "/peers/{name}", delete_peer),
    ("GET", "/peers/{name}/inbox", get_inbox),
    ("POST", "/peers/{name}/start", post_start),
    ("POST", "/peers/{name}/new", post_new),
    ("POST", "/peers/{name}/stop", post_stop),
    ("POST", "/peers/{name}/interrupt", post_interrupt),
    ("POST", "/peers/{name}/attach", post_attach),
    ("POST", "/peers/{name}/launch", post_launch),
    ("GET", "/peers/{name}/screen", get_screen),
    ("POST", "/peers/{name}/answer", post_answer),
    ("GET", "/peers/{name}/wait", get_wait),
    ("GET", "/sessions/{id}", get_session),
    ("POST", "/send", post_send),
    ("GET", "/messages/{id}", get_message),
    ("GET", "/events", get_events),
    ("GET", "/events/stream", get_event_stream),
]
