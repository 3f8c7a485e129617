"""What sessions touch of the system, handed in as one thing: tests hand in a made-up machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from iapeer.model.clock import Clock
from iapeer.model.timing import TmuxWaits
from iapeer.process.processes import Processes, SystemProcesses
from iapeer.sessions.filewatch import FileWatch
from iapeer.tmux import Servers, SystemServers


@dataclass(frozen=True, slots=True)
class Machine:
    """Its time, its processes, its tmux servers, and word of what changes in its files."""

    clock: Clock
    processes: Processes
    servers: Servers
    files: FileWatch


def this_machine(clock: Clock, files: FileWatch, spool: Path, waits: TmuxWaits) -> Machine:
    """The one that we run on. `spool`: a folder for what is too long for a pipe."""
    return Machine(clock, SystemProcesses(), SystemServers(spool, waits), files)
