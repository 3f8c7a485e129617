"""The same histories on a real daemon, real tmux servers and fake agents; the same promises, told by what they left."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from iapeer.model.clock import SystemClock
from iapeer.model.envelope import decode
from iapeer.paths.layout import layout
from iapeer.store import SessionRecord, Store
from tests.harness import Agent, Root, wait_for
from tests.whole.daemon.tools import Person, ask
from tests.world.agent import SimTurn
from tests.world.history import PEERS, Op
from tests.world.ledger import Ledger

QUIET_S = 60.0
PASTE = re.compile(rb"\x1b\[200~(.*?)\x1b\[201~", re.S)
_ENDS = {"turn_end": "done", "error": "error", "interrupted": "interrupted"}


class SeenAgent:
    """One session of the fake agent, as its own files show it."""

    def __init__(self, session: SessionRecord, home: Path, process: psutil.Process | None, read: set[Path]) -> None:
        self.session, self.identity = session.id, session.identity
        self.resumed = session.mode == "resume"
        self.process = process
        tap = home / "input" / f"{session.pid}.bin"
        self.typed = [one.decode() for one in PASTE.findall(tap.read_bytes())] if tap.exists() else []
        self.taken_out: list[str] = []
        transcript = home / "conversations" / f"{session.conversation}.jsonl"
        self.turns = list(_turns(transcript)) if transcript.exists() and transcript not in read else []
        read.add(transcript)  # of a conversation that was resumed all turns count as the first session's
        if self.turns and self.turns[-1].outcome is None and process is None:
            self.turns[-1].outcome = "died"


def _turns(path: Path) -> Iterator[SimTurn]:
    turn: SimTurn | None = None
    for line in path.read_bytes().split(b"\n")[:-1]:
        record = json.loads(line)
        if record["type"] in ("user", "queued"):
            if turn is not None:
                turn.outcome = turn.outcome or "died"  # and the conversation was resumed
                yield turn
            envelope = decode(record["text"])
            turn = SimTurn((envelope.id, envelope.attempt) if envelope else None, "", recorded=True)
        elif turn is not None and record["type"] in _ENDS:
            turn.outcome = turn.outcome or _ENDS[record["type"]]
    if turn is not None:
        yield turn


class SeenWorld:
    """What the ledger asks of a world."""

    def __init__(self, root: Root, homes: dict[str, Path]) -> None:
        self._root, self._homes = root, homes
        self.agents: list[SeenAgent] = []

    def look(self, store: Store) -> None:
        """Read all files and processes anew."""
        live = {one.environ().get("IAPEER_SESSION"): one for one in self.processes()}
        sessions = [session for name in sorted(self._homes) for session in store.sessions.newest(name, 10_000)]
        read: set[Path] = set()
        self.agents = [SeenAgent(one, self._homes[one.personality], live.get(one.id), read) for one in sessions]

    def processes(self) -> list[psutil.Process]:
        """The agents' own processes."""
        found = []
        for process in self._root.processes():
            with contextlib.suppress(psutil.Error):
                is_agent = any(part.endswith("fake_agent.py") for part in process.cmdline())
                if is_agent and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def live(self, identity: str | None = None) -> list[SeenAgent]:
        return [agent for agent in self.agents if agent.process is not None and identity in (None, agent.identity)]


class RealHistory:
    """Plays operations on a root. What is asked of the daemon is asked beside what happens."""

    def __init__(self, root: Root, profiles: dict[str, dict[str, Any]]) -> None:
        self.root = root
        root.start()
        self._agents: dict[str, Agent] = {}
        for name in PEERS:
            self._agents[name] = root.peer(name)
            root.call("PATCH", f"/peers/{name}", {"fields": {"idle_secs": 2, **profiles.get(name, {})}})
        workers = {f"fake-{name}" for name, profile in profiles.items() if "wake_policy" in profile}
        self._world = SeenWorld(root, {name: agent.home for name, agent in self._agents.items()})
        self._ledger = Ledger(self._world, workers)
        self._seen = 0
        self._asking: list[threading.Thread] = []
        self._people: dict[str, list[Person]] = {name: [] for name in PEERS}

    # ---- operations

    def play(self, op: Op) -> None:
        """One of them, its pause, and a look at all promises."""
        fields = {name: value for name, value in op.items() if name not in ("op", "pause")}
        act: Callable[..., None] = getattr(self, f"_{op['op']}")
        act(**fields)
        time.sleep(op["pause"])
        self.check()

    def _rise(self) -> None:
        if self.root.daemon is None or self.root.daemon.poll() is not None:
            self.root.start()

    def _ask(self, path: str, body: dict[str, Any], **headers: str) -> None:
        def call() -> None:
            with contextlib.suppress(OSError, http.client.HTTPException):  # the daemon was killed
                ask(self.root, "POST", path, body, **headers)

        self._rise()
        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        self._asking.append(thread)

    def _send(
        self, to: str, body: str, topic: str | None, urgent: bool, delay: int | None, expires: int | None, asks: bool
    ) -> None:
        now = int(time.time() * 1000) + 50
        at = now + delay * 1000 if delay is not None else None
        until = (at or now) + expires * 1000 if expires is not None else None
        times = {"at_ms": at, "expires_ms": until}
        wish = {"to": to, "body": body, "topic": topic, "urgent": urgent, "asks": asks, **times}
        self._ask("/send", {name: value for name, value in wish.items() if value is not None})

    def _speak(self, who: str, body: str, topic: str | None, re: str, asks: bool) -> None:
        process = self._process(who)
        if process is None:
            return
        to = next(name for name in PEERS if name != who)
        keys = [one.id for one in self._agents[who].turns()]
        named = keys[-1] if re != "nothing" and keys else None
        wish = {"to": to, "body": body, "topic": topic, "re": named, "asks": asks}
        with contextlib.suppress(psutil.Error, KeyError):
            token = process.environ()["IAPEER_TOKEN"]
            said = {name: value for name, value in wish.items() if value is not None}
            self._ask("/send", said, Authorization=f"Bearer {token}")

    def _own(self, who: str, verb: str) -> None:
        process = self._process(who)
        with contextlib.suppress(psutil.Error, KeyError):
            if process is not None:
                self._ask("/self", {"verb": verb}, Authorization=f"Bearer {process.environ()['IAPEER_TOKEN']}")

    def _process(self, who: str) -> psutil.Process | None:
        for process in self._world.processes():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("PEER_PERSONALITY") == who:
                    return process
        return None

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def _verb(self, who: str, verb: str) -> None:
        self._ask(f"/peers/{who}/{verb}", {})

    def _person(self, who: str, does: str) -> None:
        socket = self._socket(who)
        if does == "come" and socket.exists() and self._process(who) is not None:
            self._people[who].append(Person(["tmux", "-S", str(socket), "attach", "-t", "main"]))
        elif does == "leave" and self._people[who]:
            self._people[who].pop().leave()

    def _socket(self, who: str) -> Path:
        return layout(self.root.env).tmux_socket(f"fake-{who}")

    def _end(self, who: str, what: str) -> None:
        process = self._process(who)
        with contextlib.suppress(psutil.Error):
            if process is not None and what == "agent":
                process.kill()
            elif process is not None and what == "tmux":
                os.kill(process.ppid(), signal.SIGKILL)
            elif process is not None:
                process.terminate()

    def _kill(self, after: int) -> None:
        """In a virtual history so many acts later; here so many moments."""
        self._rise()
        time.sleep(after * 0.01)
        self.root.kill()

    # ---- promises

    def check(self) -> bool:
        """All that must always hold, by one state of the file; whether nothing goes on by it."""
        self._one_process_each()
        store = Store(layout(self.root.env).database, SystemClock())
        try:
            store.database.connection.execute("BEGIN")
            for event in store.events.page(self._seen, limit=100_000):
                self._seen = event.seq
                self._now_told(store, event)
            self._world.look(store)
            self._ledger.check(store)
            at_rest = not store.inbox.waiting_identities() and not store.inbox.all_in_flight()
            if at_rest:
                self._ledger.check_quiet(store)
            return at_rest
        finally:
            store.database.connection.rollback()
            store.close()

    def _now_told(self, store: Store, event: Any) -> None:
        if event.ev == "delivered":  # its record is there by now, or never will be
            self._world.look(store)
        self._ledger.told(event)

    def _one_process_each(self) -> None:
        sessions: dict[str, set[str]] = {}
        for process in self._world.processes():
            with contextlib.suppress(psutil.Error, KeyError):
                env = process.environ()
                sessions.setdefault(env["PEER_IDENTITY"], set()).add(env["IAPEER_SESSION"])
        assert all(len(some) == 1 for some in sessions.values()), sessions

    def become_quiet(self) -> None:
        """Everybody may live again, nobody is at a terminal, and nothing is left."""
        for name in PEERS:
            while self._people[name]:
                self._people[name].pop().leave()
            self._ask(f"/peers/{name}/start", {})
        wait_for(lambda: self.check(), "every message to come to its end", QUIET_S)
        for thread in self._asking:
            thread.join(QUIET_S)
            assert not thread.is_alive(), "somebody still waits"
        wait_for(lambda: not self.root.processes(), "everybody to be asleep", QUIET_S)
        assert self.check()
