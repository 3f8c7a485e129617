"""A machine that is made up: its processes, its tmux servers, the people at them; and what takes the real one's place.

It stands where iapeer touches the system (`installed`): all that is iapeer's own is the real thing, down to its files.
The world keeps the truth: which processes live, what was typed into which of them, what became a turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from iapeer.actors import guarding, sleeping
from iapeer.sessions import agentprocess, bringup
from iapeer.sessions import live as running
from iapeer.sessions.filewatch import Places, _Wanted
from iapeer.tmux import Pane, ServerGone, TmuxError
from tests.world.agent import SimAgent
from tests.world.timeline import Timeline, WorldClock

REPLY_S = 0.002  # of tmux
HANGUP_S = 0.01  # from the server's end to that of the agent in it


class Killed(KeyboardInterrupt):
    """kill -9 of the daemon: nothing of it catches this."""


@dataclass(eq=False)
class Process:
    """A process of the world. `session` is what its environment carries."""

    pid: int
    mark: float
    session: str | None
    parent: int | None = None
    alive: bool = True
    watchers: list[Callable[[], None]] = field(default_factory=list)
    asked: Callable[[signal.Signals], None] | None = None  # what it does about a signal that it can catch


@dataclass(eq=False)
class Server:
    """One tmux server. `pasted` and `submitted` are its marks."""

    socket: Path
    process: Process
    agent: SimAgent
    pasted: str = ""
    submitted: str = ""
    people: int = 0
    in_mode: bool = False
    clients: list[SimTmux] = field(default_factory=list)


class World:
    """All of it. `fuse` is how many more things the daemon does before it is killed, None if it is not."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.home = base / "home"
        self.timeline = Timeline()
        self.clock = WorldClock(self.timeline)
        self.boot = 1
        self.processes: dict[int, Process] = {}
        self.servers: dict[Path, Server] = {}
        self.agents: list[SimAgent] = []
        self.files: SimFiles | None = None
        self.omens: dict[str, list[str]] = {}  # identity -> what befalls its next launches
        self.lag = 0.0  # how late transcripts are written
        self.fuse: int | None = None
        self.dead = True  # the daemon
        self._pids = 100

    # ---- the daemon's end

    def burn(self) -> None:
        """The daemon is about to do something, or has just done it: the moment at which it may be killed."""
        if self.dead:
            raise asyncio.CancelledError
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.dead = True
                raise Killed

    def forget_daemon(self) -> None:
        """What the daemon held is gone with it; what it had sent is done all the same."""
        self.dead, self.fuse, self.files = True, None, None
        for process in self.processes.values():
            process.watchers.clear()
        for server in self.servers.values():
            server.clients.clear()

    # ---- processes

    def spawn(self, session: str | None, parent: int | None = None) -> Process:
        """A new process, with a number of its own."""
        self._pids += 1
        process = Process(self._pids, round(self.timeline.now * 100), session, parent)
        self.processes[process.pid] = process
        return process

    def die(self, process: Process) -> None:
        """It is gone; whoever watches hears of it."""
        if process.alive:
            process.alive = False
            for watcher in list(process.watchers):
                watcher()

    def alive(self, pid: int | None, mark: float | None) -> bool:
        process = self.processes.get(pid or 0)
        return process is not None and process.alive and process.mark == mark

    def start_mark(self, pid: int) -> float | None:
        process = self.processes.get(pid)
        return process.mark if process is not None and process.alive else None

    def age(self, pid: int) -> float | None:
        """How long a process has been running, in seconds; None for one that is gone."""
        mark = self.start_mark(pid)
        return self.timeline.now - mark / 100 if mark is not None else None

    def family(self, pid: int | None) -> list[tuple[int, float]]:
        return [(one.pid, one.mark) for one in self.processes.values() if one.alive and one.parent == pid]

    def marked(self, session: str) -> list[tuple[int, float]]:
        return [(one.pid, one.mark) for one in self.processes.values() if one.alive and one.session == session]

    async def end_process(self, pid: int, mark: float | None, first: signal.Signals, grace: float) -> bool:
        for number, seconds in ((first, grace), (signal.SIGKILL, 5.0)):
            self.burn()
            if not self.alive(pid, mark):
                return True
            self.signal(self.processes[pid], number)
            if await self._wait_gone(pid, mark, seconds):
                return True
        return False

    async def _wait_gone(self, pid: int, mark: float | None, seconds: float) -> bool:
        gone = asyncio.Event()
        self.processes[pid].watchers.append(gone.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.alive(pid, mark):
                    await gone.wait()
        return not self.alive(pid, mark)

    def signal(self, process: Process, number: signal.Signals) -> None:
        """A signal: what cannot be caught, and what nobody catches, ends the process at once."""
        if number != signal.SIGKILL and process.asked is not None:
            process.asked(number)
        elif number == signal.SIGKILL and isinstance(agent := self.agent_of(process), SimAgent):
            agent.killed()
        else:
            self.die(process)

    def agent_of(self, process: Process) -> SimAgent | None:
        return next((agent for agent in self.agents if agent.process is process), None)

    async def kill_all(self, processes: Iterable[tuple[int, float]]) -> None:
        for pid, mark in processes:
            await self.end_process(pid, mark, signal.SIGKILL, 5.0)

    async def left_of(self, processes: Iterable[tuple[int, float | None]], seconds: float) -> list[int]:
        return [pid for pid, mark in processes if self.alive(pid, mark)]

    def boot_id(self) -> str:
        return f"boot-{self.boot}"

    def reboot(self) -> None:
        """Everything ends, and numbers are given anew."""
        self.boot += 1
        for server in list(self.servers.values()):
            server.clients.clear()
            self.end(server)
        for process in self.processes.values():
            if isinstance(agent := self.agent_of(process), SimAgent):
                agent.killed()
            self.die(process)
        self._pids = 100 + self.boot % 3

    # ---- tmux servers

    def server_alive(self, socket: Path) -> bool:
        return socket in self.servers and socket.exists()

    async def renew_socket(self, socket: Path, pid: int) -> bool:
        """The server, if it lives, makes the file anew that somebody removed."""
        self.burn()
        await asyncio.sleep(REPLY_S)
        server = self.servers.get(socket)
        if server is not None and server.process.pid == pid:
            socket.touch()
        self.burn()
        return self.server_alive(socket)

    async def end_server(self, socket: Path, pid: int | None) -> None:
        self.burn()
        server = self.servers.get(socket)
        if server is not None:
            self.end(server)
        if pid is not None and (server is None or server.process.pid != pid):
            self.die(self.processes[pid])
        await asyncio.sleep(REPLY_S)
        self.burn()

    def end(self, server: Server) -> None:
        """The server is gone, with its clients; the terminal of the agent in it hangs up."""
        self.servers.pop(server.socket, None)
        server.socket.unlink(missing_ok=True)
        self.die(server.process)
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
            self.files.wanted.tell(path.parent, path.name)

    # ---- in the real one's place

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """While this lasts, iapeer lives in this world."""
        tmux: Any = lambda socket, spool, **calls: SimTmux(self, socket, **calls)  # noqa: E731
        watch: Any = lambda pid, ended: SimExitWatch(self, pid, ended)  # noqa: E731
        each: dict[str, Any] = {"alive": self.alive, "start_mark": self.start_mark}
        both = {
            **each, "kill_all": self.kill_all, "marked": self.marked, "end_server": self.end_server,
            "left_of": self.left_of, "renew_socket": self.renew_socket,
        }  # fmt: skip
        home: Any = lambda adapter, pid: str(self.home)  # noqa: E731
        with (
            mock.patch.multiple(
                bringup, Tmux=tmux, server_alive=self.server_alive, require_tmux=lambda: None, boot_id=self.boot_id,
                end_process=self.end_process, home_of_process=home, **both,
            ),
            mock.patch.multiple(running, ExitWatch=watch, family=self.family, own_home=home, **both),
            mock.patch.multiple(
                agentprocess, ExitWatch=watch, end_process=self.end_process, wait_gone=self._wait_gone,
                children=lambda pid: [], job=lambda pid: None, shown_name=lambda pid: "python3", **each,
            ),
            mock.patch.multiple(sleeping, boot_id=self.boot_id, age=self.age),
            mock.patch.multiple(guarding, boot_id=self.boot_id),
        ):  # fmt: skip
            yield


class SimExitWatch:
    """As iapeer.process.processes.ExitWatch."""

    def __init__(self, world: World, pid: int, ended: Callable[[], None]) -> None:
        self._process = world.processes[pid]
        self._ended = ended
        if self._process.alive:
            self._process.watchers.append(self._fired)
        else:
            asyncio.get_running_loop().call_soon(ended)

    def close(self) -> None:
        with contextlib.suppress(ValueError):
            self._process.watchers.remove(self._fired)

    def _fired(self) -> None:
        self.close()
        self._ended()


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


class SimTmux:
    """As iapeer.tmux.Tmux. What was sent is done a moment later, whoever lives by then."""

    def __init__(
        self, world: World, socket: Path, *, on_output: Callable[[], None], on_people: Callable[[], None],
        on_gone: Callable[[], None],
    ) -> None:  # fmt: skip
        self.socket = socket
        self._world = world
        self._on_output, self._on_people, self._on_gone = on_output, on_people, on_gone
        self._output = False
        self._server: Server | None = None

    # ---- a server's life

    async def launch(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path, *, title: str, log_bytes: int
    ) -> Pane:
        world = self._world
        world.burn()
        omens = world.omens.get(env["PEER_IDENTITY"], [])
        omen = omens.pop(0) if omens else ""
        if omen == "no-server":
            raise TmuxError("tmux: no room.")
        if world.server_alive(self.socket):
            raise TmuxError(f"A tmux server already runs on {self.socket}: end it first.")
        process = world.spawn(env["IAPEER_SESSION"])
        agent = SimAgent(world, world.spawn(env["IAPEER_SESSION"], process.pid), argv, env, omen)
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
        self._on_gone()

    def _join(self) -> None:
        self._server = self._world.servers[self.socket] if self._world.server_alive(self.socket) else None
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

    async def last_screen(self, lines: int = 20) -> str:
        _, screen = await self.look()
        return "\n".join(screen.split("\n")[-lines:])

    async def output(self, on: bool) -> None:
        self._output = on

    def shown(self) -> None:
        """The screen changed."""
        if self._output:
            self._on_output()

    def moved(self) -> None:
        """Somebody came or went."""
        self._on_people()

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
