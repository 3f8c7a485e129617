"""Made-up processes, in place of `iapeer.process.processes.SystemProcesses`: they live, and die, as they are told."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from iapeer.model.clock import Clock

FIRST = 100  # no process has a lower number


@dataclass(eq=False)
class FakeProcess:
    """One of them. `name` is what its terminal shows, `env` what it was started with.

    `asked` is what it does about a signal that it can catch, `killed` what comes of SIGKILL beside its end.
    """

    pid: int
    mark: float
    env: Mapping[str, str]
    parent: int | None = None
    name: str = "python3"
    alive: bool = True
    watchers: list[Callable[[], None]] = field(default_factory=list)
    asked: Callable[[signal.Signals], None] | None = None
    killed: Callable[[], None] | None = None

    @property
    def session(self) -> str | None:
        """The session that its environment names."""
        return self.env.get("IAPEER_SESSION")

    def die(self) -> None:
        """It is gone; whoever watches hears of it."""
        if self.alive:
            self.alive = False
            for watcher in list(self.watchers):
                watcher()


class FakeProcesses:
    """All processes of a made-up machine. Start marks are hundredths of the clock's monotonic seconds."""

    def __init__(self, clock: Clock) -> None:
        self.boot = 1
        self._clock = clock
        self._all: dict[int, FakeProcess] = {}
        self._last = FIRST

    # ---- what happens to them

    def spawn(self, env: Mapping[str, str], parent: int | None = None, name: str = "python3") -> FakeProcess:
        """Start one, with a number of its own."""
        self._last += 1
        process = FakeProcess(self._last, round(self._clock.monotonic() * 100), env, parent, name)
        self._all[process.pid] = process
        return process

    def living(self) -> list[FakeProcess]:
        """Those that live."""
        return [process for process in self._all.values() if process.alive]

    def reboot(self) -> None:
        """Everything ends, and numbers are given anew: not the same ones to the same."""
        self.boot += 1
        for process in self.living():
            (process.killed or process.die)()
            process.die()
        self._last = FIRST + self.boot % 3

    def forget_watchers(self) -> None:
        """Whoever watched is gone itself."""
        for process in self._all.values():
            process.watchers.clear()

    # ---- what is asked of them

    def boot_id(self) -> str:
        return f"boot-{self.boot}"

    def alive(self, pid: int | None, mark: float | None) -> bool:
        process = self._living(pid)
        return process is not None and process.mark == mark

    def start_mark(self, pid: int) -> float | None:
        process = self._living(pid)
        return process.mark if process is not None else None

    def age(self, pid: int) -> float | None:
        mark = self.start_mark(pid)
        return self._clock.monotonic() - mark / 100 if mark is not None else None

    def children(self, pid: int) -> list[int]:
        return [process.pid for process in self.living() if process.parent == pid]

    def job(self, pid: int) -> None:
        """It cannot be told."""

    def shown_name(self, pid: int) -> str:
        process = self._living(pid)
        return process.name if process is not None else ""

    def environment(self, pid: int) -> dict[str, str]:
        process = self._living(pid)
        return dict(process.env) if process is not None else {}

    def working_folder(self, pid: int) -> None:
        """It cannot be told."""

    def marked(self, session: str) -> list[tuple[int, float]]:
        return [(process.pid, process.mark) for process in self.living() if process.session == session]

    def open_files(self, pid: int) -> list[str]:  # noqa: ARG002
        return []

    def signal(self, pid: int, number: signal.Signals) -> None:
        """What cannot be caught, and what nobody catches, ends it at once."""
        process = self._living(pid)
        if process is None:
            raise ProcessLookupError
        if number != signal.SIGKILL and process.asked is not None:
            process.asked(number)
        else:
            (process.killed or process.die)()

    def watch_exit(self, pid: int, ended: Callable[[], None]) -> FakeWatch:
        return FakeWatch(self._living(pid), ended)

    def _living(self, pid: int | None) -> FakeProcess | None:
        process = self._all.get(pid or 0)
        return process if process is not None and process.alive else None


class FakeWatch:
    """As `iapeer.process.exits.ExitWatch`. None: the process is gone."""

    def __init__(self, process: FakeProcess | None, ended: Callable[[], None]) -> None:
        self._process = process
        self._ended = ended
        if process is not None:
            process.watchers.append(self._fired)
        else:
            asyncio.get_running_loop().call_soon(ended)

    def close(self) -> None:
        if self._process is not None and self._fired in self._process.watchers:
            self._process.watchers.remove(self._fired)

    def _fired(self) -> None:
        self.close()
        self._ended()
