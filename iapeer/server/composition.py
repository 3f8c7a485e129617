"""Builds the daemon of one root, from its logs up to its servers, and closes every part in reverse order."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp

from iapeer.api.app import fleet_app
from iapeer.api.certificate import certificate
from iapeer.api.connections import gates
from iapeer.api.port import Port, open_port
from iapeer.api.tcp import Door, Guarded, LateMcp, mcp_failure, operator_token
from iapeer.api.web import Api
from iapeer.fleet.fleet import Fleet
from iapeer.mail.mail import Mail
from iapeer.model.clock import SystemClock
from iapeer.model.disk import using
from iapeer.model.errors import Failed
from iapeer.model.timing import Timing
from iapeer.paths.layout import Layout
from iapeer.paths.rootlock import RootLock
from iapeer.paths.settings import Settings, read_settings
from iapeer.peers.registry import Registry
from iapeer.peers.trust import confirmed_adapter, confirmed_program
from iapeer.runtimes.binary import Probe
from iapeer.runtimes.load import Catalogue
from iapeer.server.background import add_duties
from iapeer.server.duties import Duties
from iapeer.server.ending import cut_off
from iapeer.server.footing import Footing
from iapeer.server.logs import Logs
from iapeer.server.sockets import Servers, UnixSocket
from iapeer.server.sweep import sweep
from iapeer.sessions.context import Context
from iapeer.sessions.filewatch import FileWatch, file_watch
from iapeer.sessions.launchplan import token_hash
from iapeer.sessions.machine import Machine, this_machine
from iapeer.store import Store
from iapeer.testing.timing import timing_of


@dataclass(frozen=True)
class Daemon:
    """The parts that are run."""

    fleet: Fleet
    api: Api
    servers: Servers
    duties: Duties


@contextlib.asynccontextmanager
async def compose(layout: Layout, lock: RootLock, files_at_most: int) -> AsyncIterator[Daemon]:
    """All parts of the daemon, of which none acts yet. `files_at_most`: how many it may have open."""
    async with contextlib.AsyncExitStack() as parts:
        settings, bad_settings = read_settings(layout.config, os.environ)
        clock, timing = SystemClock(), timing_of(os.environ)
        logs = parts.enter_context(contextlib.closing(Logs(layout.logs, settings, timing.server.flush)))
        store = parts.enter_context(contextlib.closing(Store(layout.database, clock)))
        store.observers.append(logs)
        port = open_port(store, certificate(layout.certificate, layout.certificate_key), settings.port)
        parts.enter_context(_on_record(store, port, bad_settings))
        footing = Footing(layout, lock, store, timing.server.footing)
        parts.callback(_cut_off_if_lost, footing, logs, timing.server.say)
        files = parts.enter_context(contextlib.closing(_file_watch(store, settings)))
        sweep(layout, store)
        machine = this_machine(clock, files, layout.spool, timing.tmux)
        fleet = _fleet(layout, settings, store, machine, timing, port)
        parts.push_async_callback(fleet.close)
        duties = Duties(clock, store.events.append, timing.server)
        api = Api(
            fleet, Mail(fleet, settings), settings.send_wait_secs, settings.mcp_wait_secs, port=port,
            gates=gates(files_at_most), duties=duties.states, bad_settings=bad_settings,
        )  # fmt: skip
        mcp = LateMcp(api)
        store.observers.append(mcp.notice)
        unix = parts.enter_context(contextlib.closing(UnixSocket(layout.daemon_socket())))
        app = fleet_app(api)
        servers = Servers(api.gates, unix, app, port, _door(api, app, mcp, layout, port))
        add_duties(duties, api, settings, footing, unix, servers, logs, mcp)
        yield Daemon(fleet, api, servers, duties)


def _fleet(
    layout: Layout, settings: Settings, store: Store, machine: Machine, timing: Timing, port: Port
) -> Fleet:  # fmt: skip
    """The fleet, with all that its sessions need."""
    catalogue = Catalogue(layout.adapters, _extra_adapters(), functools.partial(confirmed_adapter, store))
    registry = Registry(store, layout, catalogue, os.environ)
    context = Context(
        layout, store, catalogue, Probe(functools.partial(confirmed_program, store)),
        machine, dict(os.environ),
        lambda: port.url("/mcp"), port.certificate.pem, registry.all, registry.note_launch,
        settings.pane_log_bytes, port=port.mark, timing=timing,
    )  # fmt: skip
    return Fleet(context, registry, settings)


def _extra_adapters() -> tuple[Path, ...]:
    """Adapters beside the bundled ones, named by IAPEER_ADAPTERS: the tour and the tests bring the fake agent's."""
    return tuple(Path(part) for part in os.environ.get("IAPEER_ADAPTERS", "").split(os.pathsep) if part)


def _file_watch(store: Store, settings: Settings) -> FileWatch:
    """The watch of files. What cannot be watched is an event: the slow pass still sees what changes."""
    fallback = f"a look every {settings.reconcile_secs} s"
    return file_watch(lambda why: store.events.append("degraded", what="file watch", why=why, fallback=fallback))


def _door(api: Api, app: ASGIApp, mcp: LateMcp, layout: Layout, port: Port) -> Door:
    """What is served on the loopback port: both applications, with a token only."""
    with using(layout.operator_token):
        operator = token_hash(operator_token(layout.operator_token))
    return Door(port.number, Guarded(api, operator, app), Guarded(api, operator, mcp, mcp_failure))


@contextlib.contextmanager
def _on_record(store: Store, port: Port, bad_settings: Sequence[str]) -> Iterator[None]:
    """Put the daemon's start on record, and its end."""
    store.events.append("daemon_started", pid=os.getpid(), port=port.number)
    for problem in bad_settings:
        store.events.append("bad_setting", problem=problem)
    try:
        yield
    finally:
        with contextlib.suppress(Failed):  # a database that takes nothing now keeps nobody from ending
            store.events.append("daemon_stopped", pid=os.getpid())


def _cut_off_if_lost(footing: Footing, logs: Logs, say_s: float) -> None:
    """End on the spot if database or lock are another daemon's: SQLite, closing ours, would delete files of theirs."""
    if (why := footing.secure()) is not None:
        logs.flush()
        cut_off(why, 1, say_s)
