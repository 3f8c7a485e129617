"""What sessions touch of the system's processes, as one thing to hand in: a test hands in made-up ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from signal import Signals
from typing import Protocol

from iapeer.process.boot import boot_id
from iapeer.process.environment import environment, marked, working_folder
from iapeer.process.exits import ExitWatch
from iapeer.process.liveness import age, alive, start_mark
from iapeer.process.openfiles import open_files
from iapeer.process.terminal import Job, job, shown_name
from iapeer.process.tree import children


class Watch(Protocol):
    """A watch on a process' end."""

    def close(self) -> None:
        """Stop watching."""


class Processes(Protocol):
    """The processes of a machine. A process is known by its number and its start mark."""

    def boot_id(self) -> str:
        """See `boot`."""

    def alive(self, pid: int | None, mark: float | None) -> bool:
        """See `liveness`, as for the next two."""

    def start_mark(self, pid: int) -> float | None: ...

    def age(self, pid: int) -> float | None: ...

    def children(self, pid: int) -> list[int]:
        """See `tree`."""

    def job(self, pid: int) -> Job | None:
        """See `terminal`, as for the next one."""

    def shown_name(self, pid: int) -> str: ...

    def environment(self, pid: int) -> dict[str, str]:
        """See `environment`, as for the next two."""

    def working_folder(self, pid: int) -> str | None: ...

    def marked(self, session: str) -> list[tuple[int, float]]: ...

    def open_files(self, pid: int) -> list[str]:
        """See `openfiles`."""

    def signal(self, pid: int, number: Signals) -> None:
        """Send it a signal. ProcessLookupError when it is gone, PermissionError when it is another user's."""

    def watch_exit(self, pid: int, ended: Callable[[], None]) -> Watch:
        """Have `ended` called once when it ends; at once when it is gone."""


class SystemProcesses:
    """Those of this machine."""

    boot_id = staticmethod(boot_id)
    alive = staticmethod(alive)
    start_mark = staticmethod(start_mark)
    age = staticmethod(age)
    children = staticmethod(children)
    job = staticmethod(job)
    shown_name = staticmethod(shown_name)
    environment = staticmethod(environment)
    working_folder = staticmethod(working_folder)
    marked = staticmethod(marked)
    open_files = staticmethod(open_files)
    watch_exit = ExitWatch
    signal = staticmethod(os.kill)
