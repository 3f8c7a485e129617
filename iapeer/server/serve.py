"""The daemon: one per root, held single by a lock; serves until it is told to stop. Sessions outlive it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from iapeer import __version__
from iapeer.api.app import fleet_app
from iapeer.api.caller import PeerProtocol
from iapeer.api.certificate import certificate
from iapeer.api.connections import Listening, gates
from iapeer.api.port import Port, open_port
from iapeer.api.tcp import Door, Guarded, LateMcp, mcp_failure, operator_token
from iapeer.api.tls import Tls
from iapeer.api.web import Api
from iapeer.fleet.fleet import LONG_S, Fleet
from iapeer.model.clock import SystemClock
from iapeer.model.disk import using
from iapeer.model.errors import Failed
from iapeer.paths.layout import Layout
from iapeer.paths.rootlock import RootLock
from iapeer.paths.settings import Settings, read_settings
from iapeer.peers.registry import Registry
from iapeer.peers.trust import confirmed_adapter, confirmed_program
from iapeer.process.limits import raise_open_files
from iapeer.runtimes.binary import Probe
from iapeer.runtimes.load import Catalogue
from iapeer.server.ending import GRACE_S, close_servers, cut_off, end_in_time
from iapeer.server.footing import Footing, UnixSocket
from iapeer.server.logs import Logs
from iapeer.server.operatorenv import settle_environment
from iapeer.server.ownoutput import speak_on_stderr, turn_own_output
from iapeer.server.panelogs import LOOK_S, keep_pane_logs
from iapeer.sessions.bringup import Context, forget_files
from iapeer.sessions.filewatch import file_watch
from iapeer.sessions.launchplan import token_hash
from iapeer.store import Store

log = logging.getLogger("iapeer.daemon")


def run(layout: Layout) -> int:
    """Serve this root until SIGTERM, SIGINT or POST /daemon/stop. Refused when another daemon does already."""
    layout.make()
    speak_on_stderr(SystemClock())
    lock = RootLock(layout.lock)
    lock.acquire()
    try:
        settle_environment(os.environ, layout)
        return asyncio.run(_serve(layout, lock, raise_open_files()))
    finally:
        lock.release()


async def _serve(layout: Layout, lock: RootLock, files_at_most: int) -> int:
    with using(layout.spool):
        for leftover in layout.spool.iterdir():  # bodies of a daemon that was killed while typing
            leftover.unlink(missing_ok=True)
    settings, problems = read_settings(layout.config, os.environ)
    clock = SystemClock()
    store = Store(layout.database, clock)
    footing = Footing(layout, lock, store)
    logs = Logs(layout.logs, settings)
    store.observers.append(logs)
    files = file_watch(lambda why: _tell_unwatched(store, why, settings))
    proof = certificate(layout.certificate, layout.certificate_key)
    port = open_port(store, proof, settings.port)
    catalogue = Catalogue(layout.adapters, _extra_adapters(), functools.partial(confirmed_adapter, store))
    registry = Registry(store, layout, catalogue, os.environ)
    context = Context(
        layout, store, catalogue, Probe(functools.partial(confirmed_program, store)), files, clock, dict(os.environ),
        lambda: port.url("/mcp"), proof.pem, registry.all, registry.note_launch, settings.pane_log_bytes,
        port=port.mark,
    )  # fmt: skip
    fleet = Fleet(context, registry, settings)
    api = Api(fleet, settings.send_wait_secs)
    api.mcp_wait_s = min(settings.mcp_wait_secs, api.mcp_wait_s)
    api.tcp = f"127.0.0.1:{port.number}"
    api.gates = gates(files_at_most)
    api.port = port
    store.events.append("daemon_started", pid=os.getpid(), port=port.number)
    for problem in problems:
        store.events.append("bad_setting", problem=problem)
    try:
        api.problems = problems
        _sweep(layout, store)
        with _bound(layout.daemon_socket()) as unix:
            app, mcp = fleet_app(api), LateMcp(api)
            store.observers.append(mcp.notice)
            door = _door(api, app, mcp, layout, port.number)
            _take_on(api, settings, logs, mcp)
            work = _begin(fleet, api), api.duties.run()
            await _until_stopped(app, unix, footing, door, port, api, *work)
    finally:
        await fleet.close()
        files.close()
        if (why := footing.secure()) is not None:
            logs.flush()
            cut_off(why, 1)  # SQLite would delete the files beside the database that stands there now
        with contextlib.suppress(Failed):  # a database that takes nothing now keeps nobody from ending
            store.events.append("daemon_stopped", pid=os.getpid())
        store.close()
        logs.close()
    return 0


def _tell_unwatched(store: Store, why: str, settings: Settings) -> None:
    """Some files cannot be watched: the slow pass still sees what changes in them."""
    store.events.append("degraded", what="file watch", why=why, fallback=f"a look every {settings.reconcile_secs} s")


def _door(api: Api, app: ASGIApp, mcp: LateMcp, layout: Layout, port: int) -> Door:
    """What is served on the loopback port."""
    with using(layout.operator_token):
        operator = token_hash(operator_token(layout.operator_token))
    guarded = Guarded(api, operator, app), Guarded(api, operator, mcp, mcp_failure)
    return Door(port, *guarded)


async def _begin(fleet: Fleet, api: Api) -> None:
    """Take over what outlived the last daemon. Requests wait for it."""
    try:
        await fleet.start()
        fleet.context.store.hurry()
        api.ready.set()
    finally:
        if not api.ready.is_set():  # without it nothing can be served: the next command starts another daemon
            api.stop()


def _sweep(layout: Layout, store: Store) -> None:
    """Remove the private files of sessions that are over: their daemon died before it could."""
    alive = {session.id for session in store.sessions.all_open()}
    for folder in layout.sessions.iterdir():
        if folder.name not in alive:
            forget_files(layout, folder.name)


def _extra_adapters() -> tuple[Path, ...]:
    """Adapters beside the bundled ones, named by IAPEER_ADAPTERS: the tour and the tests bring the fake agent's."""
    return tuple(Path(part) for part in os.environ.get("IAPEER_ADAPTERS", "").split(os.pathsep) if part)


@contextlib.contextmanager
def _bound(path: Path) -> Iterator[UnixSocket]:
    """Our unix socket."""
    unix = UnixSocket(path)
    try:
        yield unix
    finally:
        unix.close()


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the daemon has one set for both of its servers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def move(self, listener: socket.socket) -> None:
        """Listen there, and no more where we did."""
        loop, before = asyncio.get_running_loop(), self.servers
        self.servers = [await loop.create_server(self._protocol, sock=listener, backlog=self.config.backlog)]
        for left in before:
            left.close()

    def _protocol(self) -> asyncio.Protocol:
        kind = self.config.http_protocol_class
        return kind(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)  # type: ignore[call-arg]


def _server(app: ASGIApp, http: type[asyncio.Protocol] | Tls, **headers: str) -> _Server:
    return _Server(
        uvicorn.Config(
            app, http=cast("type[asyncio.Protocol]", http), ws="none", lifespan="off", loop="asyncio",
            log_config=None, access_log=False, server_header=False, date_header=False, timeout_graceful_shutdown=1,
            timeout_keep_alive=30, proxy_headers=False,
            headers=[(name.replace("_", "-"), value) for name, value in headers.items()],
        )
    )  # fmt: skip


async def _until_stopped(
    app: ASGIApp, unix: UnixSocket, footing: Footing, door: ASGIApp, port: Port, api: Api,
    *work: Coroutine[None, None, None],
) -> None:  # fmt: skip
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, api.stop)
    listeners = [Listening(unix.socket, api.gates["unix"]), Listening(port.listener, api.gates["tcp"])]
    tls = Tls(port.certificate.context())
    faces = _server(app, PeerProtocol, iapeer_version=__version__), _server(door, tls)
    servers = list(zip(faces, listeners, strict=True))
    tasks = [asyncio.create_task(server.serve([listener])) for server, listener in servers]
    for task in tasks:
        task.add_done_callback(lambda _: api.stop())  # one alone is no daemon: the next command starts another

    async def listen(listener: socket.socket) -> None:
        await faces[0].move(Listening(listener, api.gates["unix"]))

    api.duties.add("footing", functools.partial(footing.watch, unix, listen, api.stop), LONG_S)
    working = [asyncio.create_task(part) for part in work]
    for task in working:
        task.add_done_callback(lambda ended: None if _is_well(ended) else api.stop())
    await api.stopping.wait()
    end_in_time()
    await api.begun.end(GRACE_S)
    await close_servers([server for server, _ in servers], tasks)
    for part in working:
        part.cancel()
    for ended in await asyncio.gather(*working, return_exceptions=True):
        if isinstance(ended, Exception):  # cancelled is what they should be
            raise ended


def _is_well(ended: asyncio.Task[None]) -> bool:
    """Whether it came to its end, and was neither cancelled nor failed."""
    return not ended.cancelled() and ended.exception() is None


def _take_on(api: Api, settings: Settings, logs: Logs, mcp: LateMcp) -> None:
    """What goes on in the background as long as the daemon lives."""
    fleet = api.fleet

    async def keep_time(progressed: Callable[[], None]) -> None:
        await api.ready.wait()
        await fleet.keep_time(progressed)

    api.duties.add("time", keep_time, LONG_S * 2)
    api.duties.add("heartbeat", functools.partial(_beat, fleet, settings), settings.reconcile_secs * 2 + LONG_S)
    often = min(LOOK_S, settings.reconcile_secs)
    pane_logs = functools.partial(keep_pane_logs, fleet, settings.pane_log_bytes, often)
    api.duties.add("pane-logs", pane_logs, LONG_S)
    api.duties.add("files", fleet.context.files.keep_watching, None)
    api.duties.add("logs", logs.keep_writing, None)
    api.duties.add("mcp", mcp.run, None, mcp.failed)


async def _beat(fleet: Fleet, settings: Settings, progressed: Callable[[], None]) -> None:
    """The slow pass that heals what events missed, and keeps what we say ourselves small."""
    while True:
        await asyncio.sleep(settings.reconcile_secs)
        fleet.poke_all()
        turn_own_output(fleet.context.layout.own_output, settings.log_bytes)
        progressed()
