"""Our end of one tmux server: a control client that is opened when it is needed and again when it was lost."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from iapeer.model.timing import TIMING, TmuxWaits
from iapeer.process.command import run
from iapeer.process.limits import as_we_began
from iapeer.tmux.binary import SESSION, client_argv
from iapeer.tmux.control import Block, Control
from iapeer.tmux.errors import ServerGone, TmuxError, TmuxTimeout
from iapeer.tmux.launch import check_launch, client_env, launch_text, private_file, syntax_check_argv
from iapeer.tmux.pane import CLIENTS, Client, height, parse_clients
from iapeer.tmux.process import end_server, server_alive
from iapeer.tmux.quote import quote

_LIST_CLIENTS = b"list-clients -F " + quote(CLIENTS)


def _noop() -> None:
    """Nobody listens."""


class Connection:
    """Asks one server, one line at a time, in order.

    When the control client ends unasked, `on_gone` is called, whether or not the server lives on; the next question
    opens a new one. Events that fall between are lost: a listener that needs them calls `connect` at once.
    """

    def __init__(
        self,
        socket: Path,
        spool: Path,
        *,
        on_output: Callable[[], None] = _noop,
        on_people: Callable[[], None] = _noop,
        on_gone: Callable[[], None] = _noop,
        waits: TmuxWaits = TIMING.tmux,
    ) -> None:
        self.socket, self.spool, self.waits = socket, spool, waits
        self._on_output, self._on_people, self._on_gone = on_output, on_people, on_gone
        self._control: Control | None = None
        self._opening = asyncio.Lock()
        self._closed = False
        self._wants_output = False
        self._people_changed = asyncio.Event()

    @property
    def connected(self) -> bool:
        return self._control is not None and self._control.alive

    @property
    def listens(self) -> bool:
        """Whether our client is told of output, or will be by the next one that is opened."""
        return self._wants_output or self._control is None or not self._control.alive

    async def close(self) -> None:
        """Drop our control client. The server, and all in it, goes on."""
        self._closed = True
        control, self._control = self._control, None
        if control is not None:
            await control.close(self.waits.close)

    async def settle(self) -> None:
        """Wait, bounded, until ours is the only control client: what a dead daemon's had queued is then done."""
        control = self._control
        if control is None or not control.alive:
            control = await self._reopen()
        await self._await_clients(control, lambda client: client.control and client.pid != control.pid)

    async def ask(
        self,
        line: bytes,
        *,
        blocks: int = 1,
        words: Sequence[bytes] = (),
        tall: bool = False,
        seconds: float | None = None,
    ) -> list[Block]:
        """The blocks that answer `line`; `tall`: the last one is a screen of the height that the first one tells."""
        control = self._control
        if control is None or not control.alive:
            control = await self._reopen()
        rows = height if tall else None
        return await control.run(line, blocks=blocks, words=words, rows=rows, seconds=seconds or self.waits.call)

    async def read(self, line: bytes, blocks: int, *, tall: bool = False) -> list[Block]:
        """`ask` what changes nothing: once more if the client is lost under it."""
        try:
            return await self.ask(line, blocks=blocks, tall=tall)
        except ServerGone:
            return await self.ask(line, blocks=blocks, tall=tall)

    async def clients(self) -> list[Client]:
        """Everyone who is attached, ourselves included."""
        (lines,) = await self.read(_LIST_CLIENTS, 1)
        return parse_clients(lines)

    async def start_server(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path, log_bytes: int, title: str,
        wrap: Sequence[str],
    ) -> None:  # fmt: skip
        """A server with `argv` in its pane and us attached before its first byte; or TmuxError, and no server."""
        check_launch(argv, cwd, log)
        if server_alive(self.socket):
            raise TmuxError(f"A tmux server already runs on {self.socket}: end it first.")
        self._closed, self._wants_output = False, True
        with private_file(self.spool, launch_text(argv, cwd, log, log_bytes, title)) as file:
            try:
                await self._open([*wrap, *as_we_began(client_argv(self.socket, *self._attach(), config=file))], env)
            except TmuxError as error:
                raise await self._failed_launch(error, file) from error

    async def _failed_launch(self, error: TmuxError, file: Path) -> TmuxError:
        """Clear up, and say why: only a second reading of the file tells."""
        await end_server(self.socket, None, self.waits.end)
        if isinstance(error, TmuxTimeout):
            return error
        said = await self._dislikes(file)
        await end_server(self.socket, None, self.waits.end)
        return TmuxError(f"tmux: {said}.") if said else error

    async def _dislikes(self, file: Path) -> str:
        ran = await run(syntax_check_argv(self.socket, file), self.waits.call)
        return ran.output.strip() if ran is not None else ""

    async def _reopen(self) -> Control:
        async with self._opening:
            if self._closed:
                raise ServerGone(f"The tmux client on {self.socket} was closed.")
            old = self._control
            if old is not None and old.alive:
                return old
            argv = client_argv(self.socket, "-N", *self._attach())  # -N: else attach starts a server if there is none
            return await self._open(argv, os.environ, old if old is not None and old.unanswered else None)

    async def _open(self, argv: Sequence[str], env: Mapping[str, str], lost: Control | None = None) -> Control:
        """A client in use. What `lost` had sent is done or dropped before anything more is sent."""
        control = Control(output=self._on_output, people=self._people_moved, gone=self._on_gone)
        control.start(argv, client_env(env))
        try:
            await control.attached(self.waits.call)
            if lost is not None:
                await self._await_clients(control, lambda client: client.pid == lost.pid)
            if not self._closed:
                self._control = control
        finally:
            if self._control is not control:
                control.drop()
        return control

    def _attach(self) -> list[str]:
        """`ignore-size`: else our client would resize the window."""
        flags = "ignore-size" if self._wants_output else "ignore-size,no-output"
        return ["-C", "attach-session", "-t", SESSION, "-f", flags]

    def _people_moved(self) -> None:
        self._people_changed.set()
        self._on_people()

    async def _await_clients(self, control: Control, unwanted: Callable[[Client], bool]) -> None:
        """Wait, bounded, until no unwanted client is left. `%client-detached` tells when to look again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.waits.settle):
                while control.alive:
                    self._people_changed.clear()
                    (lines,) = await control.run(_LIST_CLIENTS, seconds=self.waits.call)
                    if not any(map(unwanted, parse_clients(lines))):
                        return
                    await self._people_changed.wait()
