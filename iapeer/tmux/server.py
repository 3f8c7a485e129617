"""The verbs of one identity's tmux server. Everything that iapeer asks of tmux is here."""

from __future__ import annotations

import asyncio
import glob
import os
import re
import secrets
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from iapeer.process.liveness import gone
from iapeer.tmux import panelog
from iapeer.tmux.connection import Connection
from iapeer.tmux.control import Block
from iapeer.tmux.errors import TmuxError, TmuxTimeout
from iapeer.tmux.launch import COLUMNS, ROWS, private_file
from iapeer.tmux.pane import CLIENTS, FORMAT, PANE, WINDOW, Pane, parse_clients, parse_pane
from iapeer.tmux.quote import plain, quote

T = TypeVar("T")

_PANE, _WINDOW = PANE.encode(), WINDOW.encode()
_FACTS = b"display-message -p -t %s %s ; list-clients -F %s" % (_PANE, quote(FORMAT), quote(CLIENTS))
# In a mode keys drive the mode; into a dead pane they are lost, and a paste kills the whole server on 3.3a.
_GUARD = b"if-shell -F -t %s '#{||:#{pane_dead},#{pane_in_mode}}' " % _PANE
_DONE, _GUARDED = b"IAPEER-DONE", b"IAPEER-GUARD"
_SAY = b"display-message -p "

_MARK = re.compile(r"[A-Za-z0-9:._-]+")
_KEY = re.compile(
    r"(?:[CMS]-)*(?:[!-~]|Enter|Escape|Tab|BTab|Space|BSpace|Up|Down|Left|Right|Home|End|PageUp|PgUp|PPage|PageDown|PgDn"
    r"|NPage|IC|Insert|DC|Delete|F(?:[1-9]|1[0-2]))"
)
_NUDGES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.1, 0.3, 0.5)  # seconds, each after a SIGCHLD

LINE_BYTES = 16_384  # a pipe takes 65,536 at once, and half of that may be unread
INLINE_BYTES = 4096  # tmux parses a longer line more slowly than it reads a file


class Tmux(Connection):
    """One tmux server: session `main`, one pane, and our control client on it."""

    _nudged = 0  # the process whose status tmux has proven not to know

    async def launch(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path, *, title: str,
        log_bytes: int = panelog.LOG_BYTES, wrap: Sequence[str] = (),
    ) -> Pane:  # fmt: skip
        """Start a server with `argv` in its pane, output on. `wrap` goes before tmux (`systemd-run --scope ...`)."""
        await self.start_server(argv, env, cwd, log, log_bytes, title, wrap)
        pane = await self.facts()
        if pane.in_mode:  # tmux shows what it dislikes in the file, over the agent
            await self.leave_mode()
            pane = await self.facts()
        return pane

    async def connect(self) -> Pane:
        """Attach to the running server, if we are not; ServerGone if there is none."""
        self._closed = False
        return await self.facts()

    # ---- looking

    async def facts(self) -> Pane:
        """The pane's facts; of a death, with the status that tmux at first may have missed."""
        return await self._explained(self._facts, lambda pane: pane)

    async def look(self, *, escapes: bool = True) -> tuple[Pane, str]:
        """Facts and visible screen of the same instant."""
        capture = _FACTS + b" ; capture-pane -p -t " + _PANE + (b" -e" if escapes else b"")

        async def read() -> tuple[Pane, str]:
            facts, clients, screen = await self.read(capture, 3, tall=True)
            return _pane(facts, clients), b"\n".join(screen).decode("utf-8", "replace")

        return await self._explained(read, lambda seen: seen[0])

    async def last_look(self, lines: int = 20) -> tuple[Pane, str]:
        """Facts, and the end of what the pane shows, or showed when it died, without escapes."""
        pane, screen = await self.look(escapes=False)
        rows = [row.rstrip() for row in screen.rstrip().split("\n")]
        return pane, "\n".join(rows[-lines:])

    async def _facts(self) -> Pane:
        facts, clients = await self.read(_FACTS, 2)
        return _pane(facts, clients)

    async def _explained(self, read: Callable[[], Awaitable[T]], pane_of: Callable[[T], Pane]) -> T:
        """Read again, bounded, while a death has no cause: with a control client tmux misses SIGCHLD at times."""
        seen = await read()
        for pause in _NUDGES:
            pane = pane_of(seen)
            if pane.pid == self._nudged or not (pane.unexplained or (not pane.dead and gone(pane.pid))):
                return seen
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pane.server_pid, signal.SIGCHLD)
            await asyncio.sleep(pause)
            seen = await read()
        self._nudged = pane_of(seen).pid
        return seen

    # ---- typing

    async def paste(self, pieces: Sequence[bytes], mark: str) -> bool:
        """Type each of `pieces` as one bracketed paste, all at once, and set @iapeer_pasted.

        False: dead or in a mode, nothing was typed. Output is on afterwards.
        """
        if not pieces or any(not piece or b"\0" in piece for piece in pieces):
            raise TmuxError("There is nothing to paste, or a NUL byte in it.")
        name = b"iapeer-" + secrets.token_hex(6).encode()
        names = [b"%s-%d" % (name, number) for number in range(len(pieces))]
        act = b"".join(b"paste-buffer -p -r -d -b %s -t %s ; " % (buffer, _PANE) for buffer in names)
        drop = b"".join(b"delete-buffer -b %s ; " % buffer for buffer in names)
        listen = b"" if self._wants_output else b"refresh-client -f '!no-output' ; "
        self._wants_output = True
        with ExitStack() as files:
            loads = [files.enter_context(self._loading(*pair)) for pair in zip(names, pieces, strict=True)]
            line = listen + b"".join(loads) + _guarded(act + _marking(b"pasted", mark), otherwise=drop)
            return await self._was_done(files.enter_context(self._sending(line)))

    @contextmanager
    def _loading(self, name: bytes, data: bytes) -> Iterator[bytes]:
        """The command that loads `data` into a buffer: with the line itself, or from a file that is gone afterwards."""
        quoted = quote(data)
        if len(quoted) <= INLINE_BYTES:
            yield b"set-buffer -b %s -- %s ; " % (name, quoted)
            return
        with private_file(self.spool, data) as file:
            yield b"load-buffer -b %s %s ; " % (name, quote(plain(str(file))))

    @contextmanager
    def _sending(self, line: bytes) -> Iterator[bytes]:
        """`line` itself; one that is longer than a pipe takes at once, by a file that is gone afterwards."""
        if len(line) <= LINE_BYTES:
            yield line
            return
        with private_file(self.spool, line) as file:
            yield b"source-file " + quote(glob.escape(str(file)))

    async def key(self, key: str, mark: str | None = None) -> bool:
        """Press one key and set @iapeer_submitted; False: dead or in a mode, nothing was pressed."""
        if not _KEY.fullmatch(key):
            raise TmuxError(f"{key!r} is no key: use a tmux key name such as Enter, Escape, C-c or one character.")
        after = _marking(b"submitted", mark) if mark is not None else b""
        return await self._was_done(_guarded(b"send-keys -t %s -- %s ; " % (_PANE, quote(key)) + after))

    async def literal(self, text: str) -> bool:
        """Type `text` as keys, unframed; False: dead or in a mode, nothing was typed."""
        return await self._was_done(_guarded(b"send-keys -l -t %s -- %s ; " % (_PANE, quote(text))))

    async def leave_mode(self) -> None:
        """End copy mode, or any other mode that a person or tmux itself has put over the pane."""
        await self.ask(b"copy-mode -q -t " + _PANE)

    async def _was_done(self, line: bytes) -> bool:
        """Send a guarded line; whether its act was carried out."""
        reply = await self.ask(line, words=(_DONE, _GUARDED))
        return reply[-1][0] == _DONE

    async def log_to(self, log: Path, most: int) -> None:
        """Write what the pane shows to `log` from now on, up to `most` bytes, with a writer of its own."""
        await self.ask(b"pipe-pane -t %s %s" % (_PANE, quote(panelog.writer(log, most))))

    # ---- people

    async def output(self, on: bool) -> None:
        """Whether `on_output` is called; off at rest."""
        if on == self._wants_output and self.connected:
            return
        self._wants_output = on
        if on:
            await self.ask(b"refresh-client -f '!no-output'")
            return
        # 3.3a forgets the output that it was about to send, and waits for it for ever before any reply: such a client
        # is of no use any more, and the next one is born silent.
        with suppress(TmuxTimeout):
            await self.ask(b"refresh-client -f no-output", seconds=self.waits.hush)

    async def people(self) -> list[str]:
        """The terminals of the persons who look on."""
        return [client.tty for client in await self.clients() if not client.control]

    async def detach(self, name: str) -> None:
        """Send one person away."""
        await self.ask(b"detach-client -t " + quote(name))

    async def person_view(self, on: bool) -> None:
        """Status line and mouse for people; off, unless somebody still looks on: neither, and our own size again."""
        if on:
            await self.ask(b"set -g status on ; set -g mouse on", blocks=2)
        elif not await self.people():
            size = b"resize-window -t %s -x %d -y %d" % (_WINDOW, COLUMNS, ROWS)
            follow = b"set -wu -t %s window-size" % _WINDOW
            await self.ask(b" ; ".join((b"set -g status off", b"set -g mouse off", size, follow)), blocks=4)


def _guarded(act: bytes, *, otherwise: bytes = b"") -> bytes:
    """The guard stands around the act itself: one before `load-buffer`, which yields, would be out of date."""
    return _GUARD + quote(otherwise + _SAY + _GUARDED) + b" " + quote(act + _SAY + _DONE)


def _marking(name: bytes, mark: str) -> bytes:
    """Done in the same queue as the act: a daemon that comes back reads it and knows."""
    if not _MARK.fullmatch(mark):
        raise TmuxError(f"{mark!r} is no mark: letters, digits and :._- only.")
    return b"set -g @iapeer_%s %s ; " % (name, quote(mark))


def _pane(facts: Block, clients: Block) -> Pane:
    return parse_pane(facts[0] if facts else b"", parse_clients(clients))
