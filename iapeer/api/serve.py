"""The daemon: one per root, held single by a lock; serves until it is told to stop. Sessions outlive it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import signal
import socket
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path

import uvicorn
from filelock import FileLock, Timeout
from starlette.types import ASGIApp

from iapeer.api.app import fleet_app
from iapeer.api.caller import PeerProtocol
from iapeer.api.hooks import hook_routes
from iapeer.api.port import open_port
from iapeer.api.tcp import Door, Guarded, LateMcp, TcpProtocol, mcp_failure, operator_token
from iapeer.api.web import Api
from iapeer.daemon.fleet import Fleet
from iapeer.daemon.logs import Logs, rotate_pane_log
from iapeer.daemon.settings import Settings, read_settings
from iapeer.model.clock import SystemClock
from iapeer.model.errors import Failed, PeerError, Refused
from iapeer.paths import Layout
from iapeer.peers.registry import Registry
from iapeer.peers.trust import confirmed_adapter, confirmed_program
from iapeer.runtimes.binary import Probe
from iapeer.runtimes.load import Catalogue
from iapeer.sessions.bringup import Site, forget_files
from iapeer.sessions.filewatch import file_watch
from iapeer.sessions.launchplan import token_hash
from iapeer.store import Store

log = logging.getLogger("iapeer.daemon")


def run(layout: Layout) -> int:
    """Serve this root until SIGTERM, SIGINT or POST /daemon/stop. Refused when another daemon does already."""
    layout.make()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    lock = FileLock(layout.lock, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise Refused(
            f"A daemon serves {layout.state} already: `iapeer status` shows it.", code="second-daemon"
        ) from error
    except OSError as error:
        raise Failed(f"{layout.lock} cannot be locked ({error.strerror}): make it writable.", code="root") from error
    try:
        return asyncio.run(_serve(layout))
    finally:
        lock.release()


async def _serve(layout: Layout) -> int:
    for leftover in layout.spool.iterdir():  # bodies of a daemon that was killed while typing
        leftover.unlink(missing_ok=True)
    settings, problems = read_settings(layout.config, os.environ)
    clock = SystemClock()
    store = Store(layout.database, clock)
    logs = Logs(layout.logs, settings)
    store.observers.append(logs)
    files = file_watch()
    port = open_port(store, settings.port, int(clock.wall() * 1000))
    catalogue = Catalogue(layout.adapters, _extra_adapters(), functools.partial(confirmed_adapter, store))
    registry = Registry(store, layout, catalogue, os.environ)
    site = Site(
        layout, store, catalogue, Probe(functools.partial(confirmed_program, store)), files, clock, dict(os.environ),
        lambda: port.url("/hook"), lambda: port.url("/mcp"), registry.all, registry.note_launch,
    )  # fmt: skip
    fleet = Fleet(site, registry, settings)
    api = Api(fleet, settings.send_wait_secs)
    api.mcp_wait_s = min(settings.mcp_wait_secs, api.mcp_wait_s)
    api.tcp = f"127.0.0.1:{port.number}"
    api.deaf, api.port_problems = port.deaf, port.problems
    store.event("daemon_started", pid=os.getpid(), port=port.number)
    for problem in problems:
        store.event("bad_setting", problem=problem)
    try:
        api.problems = problems
        _sweep(layout, store)
        with _bound(layout.daemon_socket()) as unix:
            app, mcp = fleet_app(api), LateMcp(api)
            store.observers.append(mcp.notice)
            door = _door(api, app, mcp, layout, port.number)
            work = _begin(fleet, api), _beat(fleet, settings), _keep_time(fleet, api), mcp.run()
            await _until_stopped(app, unix, door, port.listener, api, *work)
    finally:
        await fleet.close()
        files.close()
        store.event("daemon_stopped", pid=os.getpid())
        store.close()
        logs.close()
    return 0


def _door(api: Api, app: ASGIApp, mcp: LateMcp, layout: Layout, port: int) -> Door:
    """What is served on the loopback port."""
    operator = token_hash(operator_token(layout.operator_token))
    guarded = Guarded(api, operator, app), Guarded(api, operator, mcp, mcp_failure)
    return Door(port, hook_routes(api.fleet), *guarded)


async def _begin(fleet: Fleet, api: Api) -> None:
    """Take over what outlived the last daemon. Hooks are answered meanwhile; requests wait for it."""
    try:
        await fleet.start()
        api.ready.set()
    finally:
        if not api.ready.is_set():  # without it nothing can be served: the next command starts another daemon
            api.stop()


def _sweep(layout: Layout, store: Store) -> None:
    """Remove the private files of sessions that are over: their daemon died before it could."""
    alive = {session.id for session in store.open_sessions()}
    for folder in layout.sessions.iterdir():
        if folder.name not in alive:
            forget_files(layout, folder.name)


def _extra_adapters() -> tuple[Path, ...]:
    """Adapters beside the bundled ones, named by IAPEER_ADAPTERS: the tour and the tests bring the fake agent's."""
    return tuple(Path(part) for part in os.environ.get("IAPEER_ADAPTERS", "").split(os.pathsep) if part)


@contextlib.contextmanager
def _bound(path: Path) -> Iterator[socket.socket]:
    """Our unix socket. A file that is there is stale, for we hold the lock."""
    path.unlink(missing_ok=True)
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        unix.bind(str(path))
    finally:
        os.umask(before)
    try:
        yield unix
    finally:
        path.unlink(missing_ok=True)
        unix.close()


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the daemon has one set for both of its servers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: ASGIApp, http: type[asyncio.Protocol]) -> _Server:
    return _Server(
        uvicorn.Config(
            app, http=http, ws="none", lifespan="off", loop="asyncio", log_config=None, access_log=False,
            server_header=False, date_header=False, timeout_graceful_shutdown=2, timeout_keep_alive=30,
            proxy_headers=False,
        )
    )  # fmt: skip


async def _until_stopped(
    app: ASGIApp, unix: socket.socket, door: ASGIApp, tcp: socket.socket, api: Api,
    *work: Coroutine[None, None, None],
) -> None:  # fmt: skip
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, api.stop)
    servers = [(_server(app, PeerProtocol), unix), (_server(door, TcpProtocol), tcp)]
    tasks = [asyncio.create_task(server.serve([listener])) for server, listener in servers]
    working = [asyncio.create_task(part) for part in work]
    await api.stopping.wait()
    for part in working:
        part.cancel()
    for server, _ in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)
    for ended in await asyncio.gather(*working, return_exceptions=True):
        if isinstance(ended, Exception):  # cancelled is what they should be
            raise ended


async def _keep_time(fleet: Fleet, api: Api) -> None:
    await api.ready.wait()
    await fleet.keep_time()


async def _beat(fleet: Fleet, settings: Settings) -> None:
    """The slow pass that heals what events missed, and keeps pane logs small."""
    layout = fleet.site.layout
    while True:
        await asyncio.sleep(settings.reconcile_secs)
        try:
            fleet.poke_all()
        except PeerError as error:  # a locked or full database: the next beat tries again
            log.warning("heartbeat: %s", error)
        for pane_log in (layout.logs / "panes").glob("*.log"):
            rotate_pane_log(pane_log, settings.pane_log_bytes)
