"""A session that is up: its tmux server, its process, its transcript, and one look at all of them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iapeer.model.causes import WakeMode
from iapeer.model.names import conversation_id, split_identity
from iapeer.paths.layout import private_dir
from iapeer.process.ending import descendants, kill_all, left_of
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.livestate import Live, Unreadable, read_live
from iapeer.runtimes.ours import holds_ours
from iapeer.runtimes.records import Key, Turn
from iapeer.runtimes.screen import View, read_screen
from iapeer.runtimes.transcripts.jsonlines import newest_ms
from iapeer.runtimes.transcripts.source import BEGIN, Cursor
from iapeer.sessions.agentprocess import AgentProcess
from iapeer.sessions.context import Context
from iapeer.sessions.conversation import Finder
from iapeer.sessions.elsewhere import conversation_with
from iapeer.sessions.filewatch import Places, files_of, merged, places_of
from iapeer.sessions.follower import Follower, Position, at_end
from iapeer.sessions.hookwords import HookWords
from iapeer.sessions.launchplan import fill, home_of
from iapeer.sessions.login import Login
from iapeer.sessions.observation import Observation
from iapeer.store import SessionRecord, Store
from iapeer.tmux import Pane, Tmux, TmuxError

_NO_VIEW = View(text="", composer=None, busy=False, dialog=False, blocked=None)


@dataclass(frozen=True)
class Ended:
    """How a session ended."""

    exit_code: int | None
    signal: int | None
    last_screen: str
    pasted: str | None  # the mark of the last paste, None when tmux could not be asked any more


class LiveSession:
    """One live session. `poke` is called when something changed; whoever is poked looks."""

    def __init__(
        self, context: Context, record: SessionRecord, adapter: Adapter, tmux: Tmux, pane: Pane, home: str,
        poke: Callable[[], None], baseline: Position | None = None,
    ) -> None:  # fmt: skip
        machine, waits = context.machine, context.timing.session
        self.id = record.id
        self.identity = record.identity
        self.adapter = adapter
        self.tmux = tmux
        self.ready = record.ready_ms is not None
        self.fresh = record.mode == WakeMode.FRESH
        self.degraded: str | None = None
        self.has_live_state = adapter.live_state is not None  # and it is read: it was not given up
        self.pane = pane
        self._names = {"home": home, "pid": str(pane.pid), "cwd": record.folder}
        self._processes, self._servers = machine.processes, machine.servers
        self._root_mark = record.pid_started or self._processes.start_mark(pane.pid)
        name = adapter.binary.foreground
        self._agent = AgentProcess(self._processes, waits, pane.pid, self._root_mark, name, poke)
        self._server, self._server_mark = pane.server_pid, self._processes.start_mark(pane.server_pid)
        self._store = context.store
        self._files = machine.files
        self._clock = machine.clock
        self._waits = waits
        self._poke = poke
        self.conversation = conversation_id(record.conversation)  # that the agent is in now
        self._since = 0  # older records in the conversation are an earlier process's, milliseconds
        self._started = 0  # the same, should the transcript be exchanged for another file
        self._hooked: str | None = None
        self._unfit: str | None = None  # why the transcript is not read
        self._again: asyncio.TimerHandle | None = None  # for one that is left alone
        self.hook_words = HookWords(adapter.settings)
        self.gone = False  # its process is known to have ended
        self._connected = False
        self._renewed = -waits.renew_apart  # when its socket was last missed, monotonic seconds
        self.connecting_until: float | None = None  # monotonic seconds
        self._places: Places | None = None
        self._settled_on: Path | None = None
        self._finder, self._state_file = self._sources()
        self._follower = self._follow(record, baseline)
        self.login = Login(adapter, lambda: self.pid, machine, waits, poke)
        self._begun = (record, baseline)
        self._seek()
        self._exit = self._processes.watch_exit(pane.pid, self._on_exit)

    @property
    def pid(self) -> int:
        """The agent's process; the pane's own while the agent is not there."""
        return self._agent.pid

    @property
    def root(self) -> int:
        """The pane's process: the agent's, or that of a wrapper which started it. The session ends with it."""
        return self._agent.root

    @property
    def turn(self) -> Turn:
        """The turn as last read."""
        return self._follower.turn

    def baseline(self) -> dict[str, Any]:
        """Where proof of what is typed next will begin: the transcript, as far as it was read."""
        return self._follower.position.record()

    async def keep_reachable(self) -> None:
        """Others reach its tmux server by the socket's file: if that was removed, the server makes it anew."""
        now, socket = self._clock.monotonic(), self.tmux.socket
        if socket.exists() or self.gone or now < self._renewed + self._waits.renew_apart:
            return
        self._renewed = now
        private_dir(socket.parent)
        if (server := self._living_server()) is not None and await self._servers.renew(socket, server):
            tell_renewed(self._store, self._begun[0])

    async def look(self, wire: str | None = None) -> Observation:
        """One look at everything. `wire` is the text that may stand in the composer as ours."""
        await self.keep_reachable()
        self._seek()
        live, turn = await self._read()
        if self._watch():  # what was written before the watch stood is not told
            live, turn = await self._read()
            if self._watch():
                self._poke()
        view = _NO_VIEW
        try:
            self.pane, captured = await self.tmux.look()
            view = read_screen(self.adapter, captured)
        except TmuxError:
            if self._processes.alive(self.root, self._root_mark):
                raise
            self.gone = True
        pane = self.pane
        return Observation(
            gone=self.gone or pane.dead,
            foreground=not pane.dead and self._agent.reads(pane.command),
            in_mode=pane.in_mode,
            pasted=pane.pasted,
            submitted=pane.submitted,
            people=pane.people,
            screen=view,
            live=live,
            turn=turn,
            recorded=self._follower.path is not None,
            ours=wire is not None and holds_ours(self.adapter, view, wire),
            logged_in=self.login.known(turn),
            hook_answer=self.hook_words.of(turn),
            read=self._follower.cursor.offset,
        )

    async def read(self) -> Turn:
        """The turn by what the followed transcript holds now: what can be told without a look."""
        return await self._follower.read_all()

    async def seek_message(self, key: Key) -> bool:
        """Look for the message in other transcripts, where nothing else tells of a new conversation.

        True: there is one that holds it, and it is followed from now on.
        """
        live = self.adapter.live_state
        if self._finder is not None or (self.has_live_state and live is not None and live.conversation is not None):
            return False
        where = self.adapter.transcript, self._pattern_of, key, self._follower.path
        try:
            conversation = await asyncio.to_thread(conversation_with, *where)
        except OSError:  # not to be read now
            return False
        if conversation in (None, self.conversation):
            return False
        self._hooked = None  # older than what we know now
        self._go_to(conversation)
        return True

    def glimpse(self) -> Turn:
        """The turn by what the transcript holds, but for where it is very long: the next look takes in the rest."""
        return self._follower.read_some()

    def beside_ms(self) -> int | None:
        """The newest time that the helpers of this conversation have recorded, milliseconds; None: they never did."""
        rules = self.adapter.transcript
        if rules.beside is None or self.conversation is None:
            return None
        return newest_ms(rules.time, files_of(fill(rules.beside, {**self._names, "conversation": self.conversation})))

    def turn_ended(self, payload: dict[str, Any]) -> None:
        """The agent's own hook says that a turn ended: a reason to look, and word of its conversation's id."""
        conversation = conversation_id(payload.get("session_id"))
        if conversation is not None:
            self._hooked = conversation
        self.hook_words.note(payload, self._now_ms())
        self._poke()

    def started(self) -> None:
        """The session takes input now."""
        self._store.sessions.change(self.id, ready_ms=self._now_ms())
        self.ready = True
        wait_ms = self.adapter.mcp.wait_ms if self.adapter.mcp else 0
        self.connecting_until = self._clock.monotonic() + wait_ms / 1000 if wait_ms and not self._connected else None

    def connected(self) -> None:
        """The agent has asked for our tool: its next turn has it."""
        self._connected = True
        if self.connecting_until is not None:
            self.connecting_until = None
            self._poke()

    async def end(self) -> Ended:
        """End it: ask the agent, then kill it, what it started, and its server.

        Leaves no socket, and no process that may be ended: what belongs to another user lives on, and is told.
        """
        kin = await asyncio.to_thread(descendants, self._processes, self.root)
        await self._agent.end(signal.Signals[f"SIG{self.adapter.exit.signal}"])
        return await self.conclude(kin)

    async def conclude(self, kin: list[tuple[int, float]] | None = None) -> Ended:
        """The agent is dead: read how it ended, clear away what is left of its session."""
        self._stop_watching()
        ended = await self._how_it_ended()
        await self.tmux.close()
        await self._servers.end(self.tmux.socket, self._living_server())
        marked = [*(kin or []), *await asyncio.to_thread(self._processes.marked, self.id)]
        await kill_all(self._processes, marked, self._waits)
        left = await left_of(self._processes, [(self.root, self._root_mark), *marked], self._waits.left)
        tell_left(self._store, self._begun[0], left)
        return ended

    async def release(self) -> None:
        """The daemon goes: let go of the session without touching it."""
        self._stop_watching()
        await self.tmux.close()

    def _living_server(self) -> int | None:
        """Its tmux server; None when that has ended: the number may be another process' by now."""
        return self._server if self._processes.alive(self._server, self._server_mark) else None

    def _stop_watching(self) -> None:
        self._exit.close()
        if self._again is not None:
            self._again.cancel()
        self.login.close()
        self._agent.close()
        self._files.drop(self.id)

    def _on_exit(self) -> None:
        self.gone = True
        self._poke()

    async def _how_it_ended(self) -> Ended:
        try:
            pane, screen = await self.tmux.last_look()
        except TmuxError:
            return Ended(None, None, "", None)
        return Ended(pane.dead_status, pane.dead_signal, screen, pane.pasted)

    def _now_ms(self) -> int:
        return int(self._clock.wall() * 1000)

    def _seek(self) -> None:
        """Look where the agent's process is; from now on all that is told by its number or its home is that one's."""
        if not self._agent.seek(self._speaks, ready=self.ready, mute=not self.has_live_state):
            return
        before = self._names
        self._names = self._names_of(self.pid)
        self._finder, self._state_file = self._sources()
        self._settled_on = self._places = None
        if self._names["home"] != before["home"]:  # a wrapper has moved it
            self._follower = self._follow(*self._begun)
            self._store.sessions.change(self.id, transcript=self._pattern())

    def _names_of(self, pid: int) -> dict[str, str]:
        home = own_home(self.adapter, self._processes.environment(pid))
        return {**self._names, "pid": str(pid), "home": home or self._names["home"]}

    def _sources(self) -> tuple[Finder | None, Path]:
        """What tells the agent's conversation by its open files, and the file of its live state."""
        find, live = self.adapter.transcript.find, self.adapter.live_state
        finder = (
            Finder(self._processes, find, self.pid, self._pattern_of, fill(find.watch, self._names)) if find else None
        )
        return finder, Path(fill(live.path, self._names) if live else "")

    def _speaks(self, pid: int) -> bool:
        """Whether this process keeps a live state."""
        rules, mark = self.adapter.live_state, self._processes.start_mark(pid)
        if rules is None or mark is None:
            return False
        try:
            return read_live(rules, Path(fill(rules.path, self._names_of(pid))), int(mark)) is not None
        except Unreadable:
            return True

    def _live(self) -> Live | None:
        rules = self.adapter.live_state
        if rules is None or self.degraded:
            return None
        mark = self._agent.mark
        try:
            return read_live(rules, self._state_file, int(mark) if mark is not None else None)
        except Unreadable as error:
            self.degrade(str(error))
            return None

    def degrade(self, why: str) -> None:
        """Go on without the live state, and say so."""
        self.degraded, self.has_live_state = why, False
        self._tell_degraded("live state", why, "transcript and screen")

    def _tell_degraded(self, what: str, why: str, fallback: str) -> None:
        self._store.events.append(
            "degraded", personality=split_identity(self.identity)[1], identity=self.identity, session=self.id,
            what=what, why=why, fallback=fallback,
        )  # fmt: skip

    async def _read(self) -> tuple[Live | None, Turn]:
        """Read what the agent says of itself: its live state first, which tells the conversation, then the turn."""
        live = self._live()
        return live, await self._read_transcript(live)

    async def _read_transcript(self, live: Live | None) -> Turn:
        current = self._current(live)
        if current != self.conversation:
            self._go_to(current)
        elif self._finder is not None and self._follower.path is None and self._finder.file(current) is not None:
            self._follower = self._begin(BEGIN)
        known = self._follower.path
        turn = await self._follower.read_all()
        if self._follower.path != known:
            self._store.sessions.change(self.id, transcript=str(self._follower.path))
        before, self._unfit = self._unfit, self._follower.unfit
        if self._unfit is not None and self._unfit != before:
            self._tell_degraded("transcript", f"{self._follower.path}: {self._unfit}", "no proof")
        if self._follower.left_alone and self._again is None:
            self._again = asyncio.get_running_loop().call_later(self._waits.unfit_apart, self._look_again)
        return turn

    def _look_again(self) -> None:
        """Have a look at a transcript that was left alone: what changed meanwhile may have made it right."""
        self._again = None
        self._poke()

    def _go_to(self, conversation: str | None) -> None:
        """Follow another conversation from its beginning."""
        self.conversation = conversation
        self._follower = self._begin(BEGIN)
        self._store.sessions.change(self.id, conversation=conversation, transcript=self._pattern())

    def _current(self, live: Live | None) -> str | None:
        """The conversation the agent is in, by whatever tells it."""
        if self._finder is not None:
            return self._finder.current(self.conversation)
        if live is not None and live.conversation:
            self._hooked = None  # older than what the live state says
        return (live.conversation if live else None) or self._hooked or self.conversation

    def _watch(self) -> bool:
        """Watch the files that are read; True when other places are watched than before."""
        if self._finder is None and self._settled_on is self._follower.path and self._settled_on is not None:
            return False
        places = merged(self._follower.places, self._finder.places() if self._finder else {})
        state = self._state_file
        there = True
        if self.adapter.live_state is not None:
            there = state.parent.is_dir()
            folder = state.parent if there else next(up for up in state.parents if up.is_dir())
            places[folder] = frozenset({state.name}) if there and folder not in places else None
        self._settled_on = self._follower.path if there else None  # both are found: nothing moves any more
        if places == self._places:
            return False
        self._places = places
        self._files.want(self.id, places, self._poke)
        return True

    def _follow(self, record: SessionRecord, baseline: Position | None) -> Follower:
        """Read from the start what this session writes itself, and skip what a resumed conversation already held.

        A session that was found again is read from an open message's `baseline`, or from a window before the end.
        """
        self._started = record.started_ms if record.mode == WakeMode.RESUME else 0
        if record.ready_ms is not None and baseline is None:
            self._since = self._started
            return self._begin(None)
        if record.ready_ms is not None and baseline is not None:
            return self._begin(baseline.cursor)
        if record.mode != WakeMode.RESUME:
            return self._begin(BEGIN)
        end = at_end(self.adapter.transcript, self._pattern(), self.conversation)
        if end is None:  # read from the beginning, dates tell what is old
            self._since = self._started
        return self._begin(end or BEGIN)

    def _begin(self, begin: Cursor | None) -> Follower:
        """A follower of the current conversation. One that open files tell is not searched for at every look."""
        where: str | None = self._pattern()
        if self._finder is not None and self.conversation is not None:
            file = self._finder.file(self.conversation) or places_of(self._pattern())[0]
            where = str(file) if file else None
        elif self._finder is not None:
            where = None
        return Follower(
            self.adapter.transcript, where, self._since, begin, self._started, self.conversation,
            self._waits.unfit_apart, self._clock.monotonic,
        )  # fmt: skip

    def _pattern(self) -> str:
        return self._pattern_of(self.conversation)

    def _pattern_of(self, conversation: str | None) -> str:
        return transcript_pattern(self.adapter, self._names, conversation)


def tell_renewed(store: Store, record: SessionRecord) -> None:
    """Somebody removed the file of its tmux socket, as cleaners of old files do, and it is there again."""
    _tell(store, record, "socket_renewed")


def tell_left(store: Store, record: SessionRecord, pids: list[int]) -> None:
    """Processes of a session that is over cannot be ended: they belong to another user."""
    if pids:
        _tell(store, record, "left_behind", pids=" ".join(map(str, dict.fromkeys(pids))))


def _tell(store: Store, record: SessionRecord, ev: str, **data: str) -> None:
    store.events.append(ev, personality=record.personality, identity=record.identity, session=record.id, **data)


def transcript_pattern(adapter: Adapter, names: Mapping[str, str], conversation: str | None) -> str:
    """Where the transcript of a conversation is or will be; with a * for what the program chooses itself."""
    return fill(adapter.transcript.path, {**names, "conversation": conversation or "no-conversation-yet"})


def home_of_process(adapter: Adapter, env: Mapping[str, str]) -> str:
    """The program's own folder, from the environment of the running process; the default where that cannot be read."""
    return own_home(adapter, env) or home_of(adapter, {})


def own_home(adapter: Adapter, env: Mapping[str, str]) -> str | None:
    """The same; None where the environment could not be read, or holds a pattern of many folders."""
    home = home_of(adapter, env) if env else None
    return home if home is not None and "*" not in home else None
