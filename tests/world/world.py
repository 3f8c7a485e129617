"""A machine that is made up: its processes, its tmux servers, and the people at them.

It is handed to the daemon as its `Machine`: all that is iapeer's own is the real thing, down to its files.
The world keeps the truth: which processes live, what was typed into which of them, what became a turn.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iapeer.sessions.filewatch import Places, _Wanted
from iapeer.sessions.machine import Machine
from iapeer.testing.processes import FakeProcess, FakeProcesses
from iapeer.tmux import Pane, ServerGone, Tmux, TmuxError, panelog
from tests.world.agent import SimAgent
from tests.world.timeline import Timeline, WorldClock

REPLY_S = 0.002  # of tmux
HANGUP_S = 0.01  # from the server's end to that of the agent in it


class Killed(KeyboardInterrupt):
    """kill -9 of the daemon: nothing of it catches this."""


class MortalProcesses(FakeProcesses):
    """Those of a world in which the daemon may be killed before each signal that it sends."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock)
        self._world = world

    def signal(self, pid: int, number: signal.Signals) -> None:
        self._world.burn()
        super().signal(pid, number)


@dataclass(eq=False)
class Server:
    """One tmux server. `pasted` and `submitted` are its marks."""

    socket: Path
    process: FakeProcess
    agent: SimAgent
    pasted: str = ""
    submitted: str = ""
    people: int = 0
    in_mode: bool = False
    clients: list[SimTmux] = field(default_factory=list)


class World:
    """All of it. `fuse` is how many more things the daemon does before it is killed, None if it is not.

    `points`: the moments at which it might have been killed, and whether each was next to a commit of the tables in
    `life.CLOSE`.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self.home = base / "home"
        self.timeline = Timeline()
        self.clock = WorldClock(self.timeline)
        self.processes = MortalProcesses(self)
        self.servers: dict[Path, Server] = {}
        self.agents: list[SimAgent] = []
        self.files: SimFiles | None = None
        self.omens: dict[str, list[str]] = {}  # identity -> what befalls its next launches
        self.lag = 0.0  # how late transcripts are written
        self.fuse: int | None = None
        self.points: list[bool] = []
        self.dead = True  # the daemon

    # ---- the daemon's end

    def burn(self, close: bool = False) -> None:
        """The daemon is about to do something, or has just done it: the moment at which it may be killed.

        `close`: it is next to such a commit.
        """
        if self.dead:
            raise asyncio.CancelledError
        self.points.append(close)
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.dead = True
                raise Killed

    def forget_daemon(self) -> None:
        """What the daemon held is gone with it; what it had sent is done all the same."""
        self.dead, self.fuse, self.files = True, None, None
        self.processes.forget_watchers()
        for server in self.servers.values():
            server.clients.clear()

    def machine(self) -> Machine:
        """What a new daemon runs on."""
        self.dead, self.files = False, SimFiles()
        return Machine(self.clock, self.processes, SimServers(self), self.files)

    def reboot(self) -> None:
        """Everything ends, and numbers are given anew."""
        for server in list(self.servers.values()):
            server.clients.clear()
            self.end(server)
        self.processes.reboot()

    # ---- tmux servers

    def listens(self, socket: Path) -> bool:
        """Whether a server is reached by this file."""
        return socket in self.servers and socket.exists()

    def end(self, server: Server) -> None:
        """The server is gone, with its clients; the terminal of the agent in it hangs up."""
        self.servers.pop(server.socket, None)
        server.socket.unlink(missing_ok=True)
        server.process.die()
        for client in list(server.clients):
            client.lost()
        self.timeline.after(HANGUP_S, server.agent.hung_up)

    def server_of(self, identity: str) -> Server | None:
        """The server of an identity, whatever is in it."""
        return next((server for server in self.servers.values() if server.agent.identity == identity), None)

    def live(self, identity: str | None = None) -> list[SimAgent]:
        """The agents whose processes live."""
        return [agent for agent in self.agents if agent.process.alive and identity in (None, agent.identity)]

    # ---- files

    def wrote(self, path: Path) -> None:
        """A program wrote to a file: who watches hears of it."""
        if self.files is not None:
            self.files.wanted.tell({(path.parent, path.name)})


class SimFiles:
    """As iapeer.sessions.filewatch.FileWatch."""

    def __init__(self) -> None:
        self.wanted = _Wanted()
        self.trouble: str | None = None

    def retry(self) -> None:
        """All is watched."""

    def want(self, owner: Any, places: Places, call: Callable[[], None]) -> None:
        self.wanted.owners[owner] = (places, call)

    def drop(self, owner: Any) -> None:
        self.wanted.owners.pop(owner, None)

    async def keep_watching(self, progressed: Callable[[], None]) -> None:
        raise NotImplementedError  # the world tells by itself

    def close(self) -> None:
        self.wanted.owners.clear()


class SimServers:
    """As iapeer.tmux.SystemServers."""

    def __init__(self, world: World) -> None:
        self._world = world

    def check(self) -> None:
        """There is a tmux."""

    def client(self, socket: Path, poke: Callable[[], None]) -> SimTmux:
        return SimTmux(self._world, socket, poke)

    def is_alive(self, socket: Path) -> bool:
        return self._world.listens(socket)

    async def renew(self, socket: Path, pid: int) -> bool:
        self._world.burn()
        await asyncio.sleep(REPLY_S)
        server = self._world.servers.get(socket)
        if server is not None and server.process.pid == pid:
            socket.touch()
        self._world.burn()
        return self.is_alive(socket)

    async def end(self, socket: Path, pid: int | None) -> None:
        self._world.burn()
        server = self._world.servers.get(socket)
        if server is not None:
            self._world.end(server)
        if pid is not None and (server is None or server.process.pid != pid):
            self._world.processes.signal(pid, signal.SIGTERM)
        await asyncio.sleep(REPLY_S)
        self._world.burn()


class SimTmux(Tmux):
    """What was sent is done a moment later, whoever lives by then."""

    def __init__(self, world: World, socket: Path, poke: Callable[[], None]) -> None:
        self.socket = socket
        self._world = world
        self._poke = poke
        self._output = False
        self._server: Server | None = None

    # ---- a server's life

    async def launch(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path, *, title: str,
        log_bytes: int = panelog.LOG_BYTES, wrap: Sequence[str] = (),
    ) -> Pane:  # fmt: skip
        world = self._world
        world.burn()
        omens = world.omens.get(env["PEER_IDENTITY"], [])
        omen = omens.pop(0) if omens else ""
        if omen == "no-server":
            raise TmuxError("tmux: no room.")
        if world.listens(self.socket):
            raise TmuxError(f"A tmux server already runs on {self.socket}: end it first.")
        process = world.processes.spawn(env, name="tmux: server")
        agent = SimAgent(world, world.processes.spawn(env, process.pid), argv, omen)
        world.agents.append(agent)
        world.servers[self.socket] = Server(self.socket, process, agent)
        self.socket.touch()
        agent.changed = _teller(world, self.socket)
        self._output = True
        self._join()
        await asyncio.sleep(REPLY_S)
        world.burn()
        return await self.facts()

    async def connect(self) -> Pane:
        self._join()
        return await self.facts()

    async def settle(self) -> None:
        await asyncio.sleep(2 * REPLY_S)

    async def close(self) -> None:
        if self._server is not None and self in self._server.clients:
            self._server.clients.remove(self)
        self._server = None

    def lost(self) -> None:
        """The server is gone."""
        self._poke()

    def _join(self) -> None:
        self._server = self._world.servers[self.socket] if self._world.listens(self.socket) else None
        if self._server is not None:
            self._server.clients.append(self)

    async def _ask(self, act: Callable[[Server], Any]) -> Any:
        """What `act` returns, done by the server a moment later."""
        server, world = self._server, self._world
        if server is None or not server.process.alive:
            raise ServerGone(f"no server answers on {self.socket}.")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def carry_out() -> None:
            found = act(server) if server.process.alive else None
            if not answer.done() and not world.dead:
                answer.set_result(found)

        world.timeline.after(REPLY_S, carry_out)
        found = await answer
        if not server.process.alive:
            raise ServerGone(f"no server answers on {self.socket}.")
        return found

    async def _act(self, act: Callable[[Server], Any]) -> Any:
        """Something that changes the session: the daemon may be killed before it, while it is done, and after it."""
        self._world.burn()
        asked = asyncio.ensure_future(self._ask(act))
        await asyncio.sleep(0)
        self._world.burn()
        found = await asked
        self._world.burn()
        return found

    # ---- looking

    async def facts(self) -> Pane:
        pane: Pane = await self._ask(_pane)
        return pane

    async def look(self, *, escapes: bool = True) -> tuple[Pane, str]:
        found: tuple[Pane, str] = await self._ask(lambda server: (_pane(server), server.agent.screen()))
        return found

    @property
    def listens(self) -> bool:
        return self._output

    async def output(self, on: bool) -> None:
        self._output = on

    def shown(self) -> None:
        """The screen changed."""
        if self._output:
            self._poke()

    def moved(self) -> None:
        """Somebody came or went."""
        self._poke()

    # ---- typing

    async def paste(self, pieces: Sequence[bytes], mark: str) -> bool:
        self._output = True

        def act(server: Server) -> bool:
            if not _typable(server):
                return False
            server.pasted = mark
            server.agent.paste(b"".join(pieces).decode())
            return True

        return bool(await self._act(act))

    async def key(self, key: str, mark: str | None = None) -> bool:
        def act(server: Server) -> bool:
            if not _typable(server):
                return False
            if mark is not None:
                server.submitted = mark
            server.agent.press(key)
            return True

        return bool(await self._act(act))

    async def literal(self, text: str) -> bool:
        def act(server: Server) -> bool:
            if _typable(server):
                server.agent.paste(text)
            return _typable(server)

        return bool(await self._act(act))

    async def leave_mode(self) -> None:
        def act(server: Server) -> None:
            server.in_mode = False

        await self._act(act)

    async def person_view(self, on: bool) -> None:
        await self._ask(lambda server: None)


def _teller(world: World, socket: Path) -> Callable[[], None]:
    def tell() -> None:
        server = world.servers.get(socket)
        for client in list(server.clients) if server is not None else ():
            client.shown()

    return tell


def _typable(server: Server) -> bool:
    return server.agent.process.alive and not server.in_mode


def _pane(server: Server) -> Pane:
    agent = server.agent
    return Pane(
        pid=agent.process.pid, server_pid=server.process.pid, dead=not agent.process.alive, dead_status=agent.code,
        dead_signal=agent.fatal, in_mode=server.in_mode, command="python3", pasted=server.pasted,
        submitted=server.submitted, cursor=(0, 0), people=server.people,
    )  # fmt: skip
