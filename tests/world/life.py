"""One life of the daemon in the made-up world: the real Fleet, Mail, Actors and Store, wired as `serve` wires them."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from iapeer.api.requests import NoQuery, Request
from iapeer.api.web import Api, ApiCall
from iapeer.fleet.fleet import Fleet
from iapeer.fleet.takeover import take_over
from iapeer.mail.mail import Mail
from iapeer.mail.request import Caller
from iapeer.model.errors import PeerError
from iapeer.paths.layout import Layout
from iapeer.paths.settings import Settings
from iapeer.peers.registry import Registry
from iapeer.runtimes.binary import Program
from iapeer.runtimes.load import Catalogue
from iapeer.sessions.context import Context
from iapeer.store import Event, Store
from iapeer.store.database import Database, Values
from tests.world.timeline import VirtualLoop
from tests.world.world import Killed, World

# A daemon that is killed beside a commit of one of these has a delivery or a hold half done.
CLOSE = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) (?:activations|activation_rows|holds)\b")


class MortalDatabase(Database):
    """The database of a daemon that may be killed before and after each of its commits."""

    world: World
    _close = False  # the transaction writes to one of those tables

    @contextmanager
    def write(self) -> Iterator[None]:
        if self.connection.in_transaction:
            yield
            return
        points = self.world.points
        self.world.burn()
        before, self._close = len(points) - 1, False
        with super().write():
            yield
            close = self._close
        points[before] = close
        self.world.burn(close)

    def run(self, sql: str, values: Values = ()) -> sqlite3.Cursor:
        self._close = self._close or CLOSE.match(sql) is not None
        return super().run(sql, values)


class SimProbe:
    """Every program is installed."""

    async def program(self, adapter: Any, env: Any) -> Program:
        return Program(f"/bin/{adapter.name}", "1.0.0", None)


class Life:
    """A daemon from its start to its end. What it is asked goes on beside what happens; `failed`: what went wrong."""

    def __init__(self, world: World, layout: Layout, catalogue: Catalogue, told: Callable[[Event], None]) -> None:
        self.world = world
        self.failed: list[BaseException] = []
        machine = world.machine()
        self.loop = VirtualLoop(world.timeline)
        self.loop.set_exception_handler(lambda loop, context: None)  # of a killed daemon nobody hears
        self.store = Store(layout.database, world.clock, MortalDatabase)
        assert isinstance(self.store.database, MortalDatabase)
        self.store.database.world = world
        self.store.observers.append(told)
        env = {"FAKE_HOME": str(world.home), "PATH": "/bin", "HOME": str(world.home)}
        registry = Registry(self.store, layout, catalogue, env)
        probe: Any = SimProbe()
        self.context = Context(
            layout, self.store, catalogue, probe, machine, env,
            lambda: "https://mcp", "", registry.all,
        )  # fmt: skip
        self.registry = registry
        self.tasks: set[asyncio.Task[Any]] = set()
        self.loop.run_until_complete(self._wire())

    async def _wire(self) -> None:
        self.fleet = Fleet(self.context, self.registry, Settings())
        self.api = Api(self.fleet, Mail(self.fleet, Settings()), 10.0)

    def begin(self) -> None:
        """Take over what outlived the last daemon; then keep time."""
        self.spawn(self._serve())

    async def _serve(self) -> None:
        await take_over(self.fleet)
        self.api.ready.set()
        await self.fleet.time.keep()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Have it done while time passes; a refusal is an answer, anything else a defect."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._note)
        return task

    def _note(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, PeerError | Killed):
            self.failed.append(error)

    def ask(self, endpoint: Any, name: str, body: Request, caller: Caller | None = None) -> asyncio.Task[Any]:
        """What the API does for such a request, once the daemon is ready."""
        stub: Any = SimpleNamespace(path_params={"name": name}, is_disconnected=_stays)

        async def call() -> Any:
            await self.api.ready.wait()
            return await endpoint(ApiCall(self.api, stub, caller or Caller(), body, NoQuery()))

        return self.spawn(call())

    def run(self, seconds: float) -> bool:
        """Time passes; False when the daemon was killed meanwhile, and so much time as was left is not over."""
        return self._finished(asyncio.sleep(seconds))

    def bury(self) -> None:
        """After a kill: nothing of this daemon runs ever again."""
        self.world.dead = True
        self.world.forget_daemon()
        self._drain()

    def stop(self) -> None:
        """A daemon that is told to stop lets go of everything."""
        if self._finished(self.fleet.close()):
            self.world.forget_daemon()
            self._drain()
        else:
            self.bury()

    def _finished(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Whether it came to its end with the daemon alive: what killed it may be hidden by what it then failed in."""
        with contextlib.suppress(Killed):
            self.loop.run_until_complete(work)
        return not self.world.dead

    def _drain(self) -> None:
        """End the tasks: what they still try is cancelled before it is done."""
        while left := asyncio.all_tasks(self.loop):
            for task in left:
                task.cancel()
            with contextlib.suppress(Killed, RuntimeError):  # what killed it comes out of all that waited for it
                self.loop.run_until_complete(asyncio.wait(left, timeout=0.001))  # one may need to be told twice
            for task in left:
                if task.done() and not task.cancelled():
                    task.exception()
        self.loop.close()
        self.store.close()


async def _stays() -> bool:
    return False
