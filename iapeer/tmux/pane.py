"""The facts of the one pane, as tmux tells them."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from iapeer.tmux.errors import TmuxError

# The agent's own. Not `main:`: a person's prefix keys can open a window with a shell, and text must never go there.
PANE = "%0"
WINDOW = "@0"

_FIELDS = (
    "#{pane_height}",  # first: it tells how long a capture must be
    "#{pane_pid}",
    "#{pid}",
    "#{pane_dead}",
    "#{pane_dead_status}",
    "#{pane_dead_signal}",
    "#{pane_in_mode}",
    "#{@iapeer_pasted}",
    "#{@iapeer_submitted}",
    "#{pane_pipe}",
    "#{cursor_x}",
    "#{cursor_y}",
    "#{=16:pane_current_command}",  # last: the one value the agent chooses; too short to hold a forged end of a block
)
FORMAT = "|".join(_FIELDS)
CLIENTS = "#{client_control_mode} #{client_pid} #{client_tty}"


@dataclass(frozen=True, slots=True)
class Pane:
    """One look at the pane. `people`: attached clients that are no control clients."""

    pid: int
    server_pid: int
    dead: bool
    dead_status: int | None
    dead_signal: int | None
    in_mode: bool
    command: str
    pasted: str
    submitted: str
    cursor: tuple[int, int]
    people: int
    piped: bool = True  # its log has a writer

    @property
    def unexplained(self) -> bool:
        """Dead, and tmux knows of neither a status nor a signal."""
        return self.dead and self.dead_status is None and self.dead_signal is None


@dataclass(frozen=True, slots=True)
class Client:
    """One client of the server."""

    control: bool
    pid: int
    tty: str


def parse_pane(line: bytes, clients: Sequence[Client]) -> Pane:
    """The pane from one line of FORMAT."""
    fields = line.decode("utf-8", "replace").split("|", len(_FIELDS) - 1)
    if len(fields) != len(_FIELDS) or not fields[1].isdigit():
        raise TmuxError(f"tmux describes its pane in an unknown way ({line[:80]!r}): the agent's pane was closed.")
    _, pid, server, dead, status, killed, mode, pasted, submitted, piped, x, y, command = fields
    return Pane(
        pid=int(pid),
        server_pid=int(server),
        dead=dead == "1",
        dead_status=int(status) if status else None,
        dead_signal=_signal(killed),
        in_mode=mode not in ("", "0"),
        command=command,
        pasted=pasted,
        submitted=submitted,
        cursor=(int(x or 0), int(y or 0)),
        people=sum(not client.control for client in clients),
        piped=piped == "1",
    )


def parse_clients(lines: Sequence[bytes]) -> list[Client]:
    """The clients from the lines of CLIENTS."""
    rows = [line.decode("utf-8", "replace").split(" ", 2) for line in lines]
    return [Client(row[0] == "1", int(row[1]), row[2]) for row in rows if len(row) == 3]


def height(facts: Sequence[bytes]) -> int:
    """How many lines a capture taken right after these facts has."""
    first = facts[0].partition(b"|")[0] if facts else b""
    return int(first) if first.isdigit() else 0


def _signal(text: str) -> int | None:
    """A number on 3.3, a name on later versions, nothing on 3.2."""
    if not text:
        return None
    if text.isdigit():
        return int(text)
    name = text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"
    return signal.Signals[name].value if name in signal.Signals.__members__ else None
