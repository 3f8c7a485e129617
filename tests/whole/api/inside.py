"""The API in this very process, on a real store and socket: for what cannot be seen from outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from iapeer.api.app import fleet_app
from iapeer.api.caller import PeerProtocol
from iapeer.api.web import Api
from iapeer.fleet.fleet import Fleet
from iapeer.mail.mail import Mail
from iapeer.model.clock import SystemClock
from iapeer.model.timing import TIMING
from iapeer.paths.layout import layout
from iapeer.paths.settings import Settings
from iapeer.peers.registry import Registry
from iapeer.runtimes.binary import Probe
from iapeer.runtimes.load import Catalogue
from iapeer.server.sockets import UnixSocket, http_server
from iapeer.sessions.context import Context
from iapeer.sessions.filewatch import file_watch
from iapeer.sessions.machine import this_machine
from iapeer.store import Store
from tests.harness import wait_for

T = TypeVar("T")


class Inside:
    """A served fleet with the peers alpha and beta, in a loop of its own. What touches it goes through `do`."""

    def __init__(self, base: Path) -> None:
        self._env = {"IAPEER_ROOT": str(base / "root"), "HOME": str(base), "PATH": os.environ["PATH"]}
        self.loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.api: Api
        self.fleet: Fleet
        self.socket: Path

    async def _main(self) -> None:
        where = layout(self._env)
        where.make()
        store, files, catalogue = Store(where.database, SystemClock()), file_watch(), Catalogue(where.adapters)
        store.database.connection.execute("PRAGMA synchronous = OFF")  # thousands of events, each a transaction
        registry = Registry(store, where, catalogue, self._env)
        machine = this_machine(SystemClock(), files, where.spool, TIMING.tmux)
        context = Context(where, store, catalogue, Probe(), machine, self._env, str, "", registry.all)
        self.fleet, self.socket = Fleet(context, registry, Settings()), where.daemon_socket()
        for name in ("alpha", "beta"):
            store.peers.add(name, str(where.data / name))
        self.api = Api(self.fleet, Mail(self.fleet, Settings()), 1)
        self.api.ready.set()
        with contextlib.closing(UnixSocket(self.socket)) as unix:
            unix.socket.listen()
            server = http_server(fleet_app(self.api), PeerProtocol)
            serving = asyncio.create_task(server.serve([unix.socket]))
            self._ready.set()  # bound: who connects now is served soon
            await self.api.stopping.wait()
            server.should_exit = True
            await serving
        await self.fleet.close()
        files.close()
        store.close()

    def do(self, what: Callable[[], T]) -> T:
        """Call it inside the loop."""

        async def call() -> T:
            return what()

        return self.run(call())

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        """Await it inside the loop."""
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(60)

    def happen(self, count: int, kind: str = "tick", peer: str = "alpha", **data: str) -> int:
        """So many events; the number of the last."""

        def write() -> int:
            return [self.fleet.context.store.events.append(kind, personality=peer, **data).seq for _ in range(count)][
                -1
            ]

        return self.do(write)

    @property
    def waiters(self) -> int:
        """How many streams wait for the next event."""
        return self.do(lambda: self.fleet.waits.streaming)


@contextlib.contextmanager
def served(base: Path) -> Iterator[Inside]:
    """A fleet that is served until the end."""
    inside = Inside(base)
    thread = threading.Thread(target=_run, args=(inside.loop, inside._main))
    thread.start()
    try:
        assert inside._ready.wait(30)
        yield inside
    finally:
        inside.loop.call_soon_threadsafe(inside.api.stop)
        thread.join(30)
        wait_for(lambda: not thread.is_alive(), "the loop to end")


def _run(loop: asyncio.AbstractEventLoop, main: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await main()

    with contextlib.closing(loop):
        loop.run_until_complete(whole())
