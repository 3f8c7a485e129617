"""The tmux servers of a machine, as one thing to hand in: a test hands in made-up ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from iapeer.model.timing import TmuxWaits
from iapeer.tmux.binary import require_tmux
from iapeer.tmux.process import end_server, renew_socket, server_alive
from iapeer.tmux.server import Tmux


class Servers(Protocol):
    """The tmux servers of a machine. One is known by its socket; its number is checked by the caller."""

    def check(self) -> None:
        """Failed where there is no tmux to use; it says what to do."""

    def client(self, socket: Path, poke: Callable[[], None]) -> Tmux:
        """Our end of the server on `socket`, if there is one yet or not; `poke` is called when anything changes."""

    def is_alive(self, socket: Path) -> bool:
        """Whether a server listens there."""

    async def renew(self, socket: Path, pid: int) -> bool:
        """Have the server `pid`, whose socket file is gone, make it anew; whether it listens there now."""

    async def end(self, socket: Path, pid: int | None) -> None:
        """End the server on `socket`, and the recorded one; return when its process is gone and the path free."""


class SystemServers:
    """Those of this machine. `spool`: a folder for what is too long for a pipe."""

    def __init__(self, spool: Path, waits: TmuxWaits) -> None:
        self._spool = spool
        self._waits = waits

    def check(self) -> None:
        require_tmux()

    def client(self, socket: Path, poke: Callable[[], None]) -> Tmux:
        return Tmux(socket, self._spool, on_output=poke, on_people=poke, on_gone=poke, waits=self._waits)

    def is_alive(self, socket: Path) -> bool:
        return server_alive(socket)

    async def renew(self, socket: Path, pid: int) -> bool:
        return await renew_socket(socket, pid, self._waits.renew)

    async def end(self, socket: Path, pid: int | None) -> None:
        await end_server(socket, pid, self._waits.end)
