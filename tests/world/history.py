"""A history: what people, agents, time and bad luck do, as plain data, and its way through the made-up world."""

from __future__ import annotations

import asyncio
import atexit
import functools
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from iapeer.api.messages.sending import Send, post_send
from iapeer.api.ownsession import OwnSession, post_self
from iapeer.api.requests import Target
from iapeer.api.sessions import control
from iapeer.api.sessions.attach import Attach, post_attach
from iapeer.api.snapshot import get_snapshot
from iapeer.mail.request import Caller
from iapeer.model.names import split_identity
from iapeer.paths.layout import Layout
from iapeer.runtimes.load import Catalogue
from iapeer.store import Row, Store
from tests.harness import REPO
from tests.viewer import Viewer
from tests.world.agent import SimAgent
from tests.world.ledger import Ledger
from tests.world.life import Life
from tests.world.world import Server, World

Op = dict[str, Any]

DAY_S = 86_400.0
IDLE_S = 600
SHOWN_EVERY = 4  # operations: a snapshot, which is compared with all that were before
PEERS = ("ann", "bob")
BODIES = (
    "hello", "@@SAY fine@@", "@@SLOW 3@@", "@@SLOW 40@@", "@@SLOW 900@@", "@@ERROR broken pipe@@", "@@CRASH@@",
    "@@SLOW 2@@@@CRASH@@", "@@EXIT 3@@", "@@BG 30@@", "@@DIALOG@@", "@@TOOL sleep 3@@", "@@TOOL sleep 600@@",
)  # fmt: skip
BACK_S = 2777.0  # no waits add up to it: see test_a_small_step_back_of_the_clock
# What may happen, how often, and with what.
TABLE: dict[str, tuple[int, dict[str, tuple[Any, ...]]]] = {
    "send": (6, {
        "to": PEERS, "body": BODIES, "topic": (None, None, "ships", "birds"), "urgent": (False, False, True),
        "delay": (None, None, None, 5, 600), "expires": (None, None, None, 2, 60, 900), "asks": (False, True),
    }),
    "speak": (4, {
        "who": PEERS, "body": BODIES, "topic": (None, "ships"), "re": ("nothing", "task", "last"),
        "asks": (False, True),
    }),
    "wait": (5, {"seconds": (0.02, 0.4, 2.0, 15.0, 130.0, 700.0, 1500.0)}),
    "verb": (4, {"who": PEERS, "verb": ("start", "stop", "stop", "new", "refresh", "attach", "interrupt", "compact")}),
    "own": (2, {"who": PEERS, "verb": ("done", "done", "fresh")}),
    "person": (3, {"who": PEERS, "does": ("come", "leave", "scroll", "draft", "tidy", "talk", "yes", "no")}),
    "end": (3, {"who": PEERS, "what": ("agent", "agent", "politely", "tmux")}),
    "omen": (2, {"who": PEERS, "omen": ("no-server", "dies", "hangs", "slow", "asks", "swallows", "stubborn")}),
    "kill": (4, {"after": (0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 30, 40)}),
    "daemon": (2, {"does": ("restart", "stop", "stay down")}),
    "jump": (1, {"seconds": (-DAY_S, DAY_S, -BACK_S, 30.0)}),
    "lag": (1, {"seconds": (0.0, 0.2, 3.0)}),
    "reboot": (1, {}),
    "clean": (1, {"who": PEERS}),
}  # fmt: skip
PAUSES = (0.0, 0.0, 0.01, 0.3, 1.0, 5.0)


def seeded(seed: int, length: int, table: dict[str, tuple[int, dict[str, tuple[Any, ...]]]] = TABLE) -> list[Op]:
    """The history of this seed: always the same."""
    chance = random.Random(seed)
    kinds = [name for name, (weight, _) in table.items() for _ in range(weight)]

    def one() -> Op:
        name = chance.choice(kinds)
        fields = {field: chance.choice(values) for field, values in table[name][1].items()}
        return {"op": name, **fields, "pause": chance.choice(PAUSES)}

    return [one() for _ in range(length)]


class History:
    """Plays operations in a world of its own.

    `runtimes`: the runtime of each peer; `fake` keeps a live state, `mute` does not. `burnt`: how often the daemon was
    killed by its fuse.
    """

    def __init__(self, runtimes: dict[str, str], profiles: dict[str, dict[str, Any]] | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="iap-", dir=_fast()))
        self.world = World(self.folder)
        self.runtimes = runtimes
        workers = [name for name, profile in (profiles or {}).items() if profile.get("wake_policy") == "ephemeral"]
        self.ledger = Ledger(self.world, {self._identity(name) for name in workers})
        self._layout = _layout(self.folder)
        self._layout.make()
        self._catalogue = _catalogue()
        self.life: Life | None = None
        self.burnt = 0
        self._played = 0  # operations
        self._audience: list[Viewer] = []  # views that were made at other moments, and follow the events
        self._latest = 0.0  # the farthest that the clock was ever set
        self._rise()
        for name, runtime in runtimes.items():
            self._peer(name, runtime, (profiles or {}).get(name, {}))

    def _peer(self, name: str, runtime: str, profile: dict[str, Any]) -> None:
        folder = self.folder / name
        folder.mkdir()
        assert self.life is not None
        fields = {"runtimes": [runtime], "default_runtime": runtime, "idle_secs": IDLE_S, **profile}
        self.life.registry.init(folder, fields, name)

    def close(self) -> None:
        """The end of this world."""
        if self.life is not None:
            self.life.bury()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- the daemon

    def _rise(self) -> Life:
        """The daemon, started if it is not there: any command does that."""
        if self.life is None:
            self.life = Life(self.world, self._layout, self._catalogue, self.ledger.told)
            self.life.begin()
        return self.life

    def _fall(self) -> None:
        """Bury the daemon that was killed."""
        assert self.life is not None
        failed, self.life = self.life.failed, None
        assert not failed, failed

    def pass_time(self, seconds: float) -> None:
        """Time passes, with a daemon or without."""
        until = self.world.timeline.now + seconds
        if self.life is not None and not self.life.run(seconds):
            self.burnt += 1
            self._die()
            self._rise()
            self.pass_time(max(0.0, until - self.world.timeline.now))
        if self.life is None:
            self.world.timeline.run_until(until)

    def _die(self) -> None:
        assert self.life is not None
        self.life.bury()
        self._fall()

    # ---- operations

    def play(self, op: Op) -> None:
        """One of them, its pause, and a look at all promises."""
        fields = {name: value for name, value in op.items() if name not in ("op", "pause")}
        act: Callable[..., None] = getattr(self, f"_{op['op']}")
        act(**fields)
        self._played += 1
        if self._played % SHOWN_EVERY == 0:
            self._show()
        self.pass_time(op["pause"])
        self.check()

    def _show(self) -> None:
        """Ask for a snapshot, in the middle of whatever goes on."""
        if (life := self.life) is not None:
            life.ask(get_snapshot, "", Target()).add_done_callback(lambda task: self._shown(life, task))

    def _shown(self, life: Life, task: asyncio.Task[Any]) -> None:
        """Compare the snapshot with the views that were made before, once they know the same events."""
        if task.cancelled() or task.exception() is not None:
            return
        snapshot = task.result()
        try:
            for viewer in self._audience:
                for event in life.store.events.page(viewer.seq, limit=snapshot["seq"] - viewer.seq):
                    viewer.follow(event.flat())
                viewer.check(snapshot)
            self._audience.append(Viewer.of(snapshot))
        except AssertionError as error:  # who raises here is not heard
            life.failed.append(error)

    def check(self) -> None:
        """What must always hold."""
        if self.life is None:
            store = Store(self._layout.database, self.world.clock)
            self.ledger.check(store)
            store.close()
            return
        assert not self.life.failed, self.life.failed
        self.ledger.check(self.life.store)
        if len(self.life.tasks) == 1 and self.life.api.ready.is_set():  # nobody asks for anything
            self.ledger.check_stopped(self.life.store)

    def _identity(self, name: str) -> str:
        return f"{self.runtimes[name]}-{name}"

    def _now_ms(self) -> int:
        return int(self.world.clock.wall() * 1000)

    def _post(self, caller: Caller, **wish: Any) -> None:
        life = self._rise()
        life.ask(post_send, "", Send(**wish), caller)

    def _send(
        self, to: str, body: str, topic: str | None, urgent: bool, delay: int | None, expires: int | None, asks: bool
    ) -> None:
        now = self._now_ms() + 50
        at = now + delay * 1000 if delay is not None else None
        until = (at or now) + expires * 1000 if expires is not None else None
        self._post(Caller(), to=to, body=body, topic=topic, urgent=urgent, asks=asks, at_ms=at, expires_ms=until)

    def _speak(self, who: str, body: str, topic: str | None, re: str, asks: bool, wait: str | None = None) -> None:
        """A live agent sends something, as its session; `wait`: for what it waits with the call."""
        agents = self.world.live(self._identity(who))
        if not agents or agents[0].composer is None:
            return
        life = self._rise()
        session = life.store.sessions.get(agents[0].session)
        if session is None or session.ended_ms is not None:
            return
        runtime, _ = split_identity(agents[0].identity)
        named = self._named(life, agents[0], re)
        to = next(name for name in self.runtimes if name != who)
        wish = {"to": to, "body": body, "topic": topic, "re": named, "asks": asks, "wait": wait}
        self._post(Caller(who, runtime, "artificial", session.id), **wish)

    def _own(self, who: str, verb: str) -> None:
        """A live agent's word about its own session."""
        life = self._rise()
        agent = next(iter(self.world.live(self._identity(who))), None)
        if agent is not None and agent.composer is not None:
            runtime, _ = split_identity(agent.identity)
            caller = Caller(who, runtime, "artificial", agent.session)
            life.ask(post_self, who, OwnSession.model_validate({"verb": verb}), caller)

    def _named(self, life: Life, agent: SimAgent, re: str) -> str | None:
        """The message that it names: the one it works on, or the last one that it ever got."""
        keys = [turn.key[0] for turn in agent.turns if turn.key]
        if re == "task":
            row: Row | None = life.store.inbox.in_flight(agent.identity)
            return row.message if row is not None else None
        return keys[-1] if re == "last" and keys else None

    def _wait(self, seconds: float) -> None:
        self.pass_time(seconds)

    def _verb(self, who: str, verb: str) -> None:
        life = self._rise()
        endpoint = post_attach if verb == "attach" else getattr(control, f"post_{verb}")
        life.ask(endpoint, who, Attach() if verb == "attach" else Target())

    def _person(self, who: str, does: str) -> None:
        server = self.world.server_of(self._identity(who))
        if server is None:
            return
        if does == "come":
            server.people += 1
        elif server.people:
            _at_terminal(server, does)
        for client in list(server.clients):
            client.moved()

    def _end(self, who: str, what: str) -> None:
        """The agent or its server is ended by somebody."""
        server = self.world.server_of(self._identity(who))
        if server is None:
            return
        if what == "tmux":
            self.world.end(server)
        elif what == "agent":
            server.agent.killed()
        elif server.agent.process.alive:
            server.agent.exit(0)

    def _omen(self, who: str, omen: str) -> None:
        self.world.omens.setdefault(self._identity(who), []).append(omen)

    def _kill(self, after: int) -> None:
        self.world.fuse = after
        self.world.points.clear()

    def _daemon(self, does: str) -> None:
        if self.life is not None:
            if does == "stop":
                self.life.stop()
                self._fall()
            else:
                self._die()
        if does == "restart":
            self._rise()

    def _jump(self, seconds: float) -> None:
        self.world.clock.skew += seconds
        self._latest = max(self._latest, self.world.clock.skew)

    def _lag(self, seconds: float) -> None:
        self.world.lag = seconds

    def _clean(self, who: str) -> None:
        """The file of its tmux socket is old, and is removed."""
        server = self.world.server_of(self._identity(who))
        if server is not None:
            server.socket.unlink(missing_ok=True)

    def _reboot(self) -> None:
        if self.life is not None:
            self._die()
        self.world.reboot()

    # ---- the end

    def become_quiet(self) -> None:
        """People leave, agents finish, everybody may live again, and time passes until nothing goes on."""
        self.world.fuse, self.world.lag = None, 0.0
        self.world.omens.clear()
        self.world.clock.skew = max(self.world.clock.skew, self._latest)  # what is scheduled comes when it comes
        life = self._rise()
        for name in self.runtimes:
            life.ask(control.post_start, name, Target())
        for _ in range(40):
            self._tidy_up()
            self.pass_time(300.0)
            assert not life.failed, life.failed
            self.ledger.check(life.store)
            if not self._at_work(life.store):
                break
        self._show()
        self.pass_time(0.1)
        assert not life.failed, life.failed
        self.ledger.check_quiet(life.store)
        self.ledger.check_sessions(life.store)
        assert len(life.tasks) == 1, f"somebody still waits: {life.tasks}"
        self.pass_time(2.0 * IDLE_S)
        self.ledger.check_sessions(life.store)
        assert not self.world.live(), "somebody never falls asleep"
        assert not self.world.processes.living(), "something is left behind"

    def _at_work(self, store: Store) -> bool:
        turns = [agent.turn for agent in self.world.live() if agent.turn is not None]
        return bool(store.inbox.waiting_identities() or store.inbox.all_in_flight() or turns)

    def _tidy_up(self) -> None:
        for server in list(self.world.servers.values()):
            for does in ("tidy", "no"):
                _at_terminal(server, does)
            server.people = 0
            for client in list(server.clients):
                client.moved()


def played(history: History, happens: list[Op]) -> None:
    """Play all of it, become quiet, and end the history."""
    try:
        for op in happens:
            history.play(op)
        history.become_quiet()
    finally:
        history.close()


def _at_terminal(server: Server, does: str) -> None:
    """What a person does at the terminal."""
    agent = server.agent
    if does == "leave":
        server.people, server.in_mode = max(0, server.people - 1), False
    elif does == "scroll":
        server.in_mode = True
    elif not agent.process.alive or (agent.composer is None and agent.dialog is None):
        return
    elif does in ("yes", "no"):
        if agent.dialog is not None:
            agent.press("Enter" if does == "yes" else "Escape")
    elif does == "draft" and agent.dialog is None:
        agent.composer = (agent.composer or "") + "a draft"
    elif does == "tidy":
        server.in_mode = False
        if not server.submitted.startswith(f"{server.pasted}:"):
            agent.taken_out.append(agent.composer or "")
        agent.press("C-u")
    elif does == "talk" and agent.dialog is None and agent.turn is None and not agent.composer and agent.tells:
        agent.composer = "@@SLOW 4@@"
        agent.press("Enter")
    agent._show()


def _layout(base: Path) -> Layout:
    return Layout(base / "config", base / "data", base / "state", base / "socks")


@functools.cache
def _catalogue() -> Catalogue:
    """The adapters of all histories of this process, read once: there are thousands of histories."""
    folder = tempfile.TemporaryDirectory(prefix="iap-", dir=_fast())
    atexit.register(folder.cleanup)
    return Catalogue(Path(folder.name) / "none", (REPO / "fixtures" / "fake.toml", _mute(Path(folder.name))))


def _mute(folder: Path) -> Path:
    """The fake agent's adapter without its live state: only transcript and screen tell."""
    text = (REPO / "fixtures" / "fake.toml").read_text()
    start, end = text.index("[live_state]"), text.index("[mcp]")
    path = folder / "mute.toml"
    path.write_text((text[:start] + text[end:]).replace('name = "fake"', 'name = "mute"', 1))
    return path


def _fast() -> str | None:
    """A folder in memory, where there is one: thousands of databases are made."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
