"""One control-mode client: lines in, blocks out, events in between.

The server reads our pipe and writes to it directly, so that a command is one write and one read. Replies come in the
order of the questions, each as a block `%begin T N FLAGS ... %end T N FLAGS`; flags 1 marks an answer to us. A failed
`load-buffer` prints its text outside any block.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from iapeer.model.timing import TIMING
from iapeer.tmux.errors import ServerGone, TmuxError, TmuxTimeout

Block = list[bytes]
_CHUNK = 256 * 1024
_PIPE = subprocess.PIPE
# What people do: come, go, and enter or leave copy mode.
_PEOPLE = (b"%client-session-changed", b"%client-detached", b"%pane-mode-changed")


class Call:
    """A command line that waits for its blocks.

    It ends with an error, with a block that starts with one of `words`, or, without words, with block number `blocks`.
    """

    __slots__ = ("blocks", "future", "got", "rows", "stray", "timer", "words")

    def __init__(self, blocks: int, words: Collection[bytes], rows: Callable[[Block], int] | None) -> None:
        self.future: asyncio.Future[list[Block]] = asyncio.get_running_loop().create_future()
        self.got: list[Block] = []
        self.blocks, self.words, self.rows = blocks, words, rows
        self.stray = b""
        self.timer: asyncio.TimerHandle | None = None

    def short(self, lines: Block) -> bool:
        """Whether the block cannot end yet: an agent may *show* an `%end`, but its screen's height is known."""
        return self.rows is not None and len(self.got) == self.blocks - 1 and len(lines) < self.rows(self.got[0])

    def take(self, lines: Block) -> bool:
        self.got.append(lines)
        return bool(lines) and lines[0] in self.words if self.words else len(self.got) == self.blocks

    def finish(self, error: TmuxError | None = None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if self.future.done():
            return
        if error is None:
            self.future.set_result(self.got)
        else:
            self.future.set_exception(error)
            self.future.exception()  # the asker may have been cancelled: nobody is left to read it


class Control:
    """A control client. `gone` is called once, when it ends after it was attached and without `close`."""

    def __init__(self, *, output: Callable[[], None], people: Callable[[], None], gone: Callable[[], None]) -> None:
        self._output, self._people, self._gone = output, people, gone
        self._calls: deque[Call] = deque()
        self._rest = b""
        self._tag: bytes | None = None  # of the open block
        self._lines: Block = []
        self._process: subprocess.Popen[bytes] | None = None
        self.pid = 0
        self.unanswered = False  # whether it ended with questions open
        self._attached = Call(1, (), None)
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def alive(self) -> bool:
        return self._process is not None

    def start(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Spawn the client. In `/`: the server that it may start keeps no folder busy."""
        try:
            process = subprocess.Popen(
                argv, env=env, cwd="/", bufsize=0, stdin=_PIPE, stdout=_PIPE, stderr=subprocess.STDOUT
            )
        except (OSError, ValueError) as error:
            raise TmuxError(f"tmux cannot be started: {error}.") from error
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self.pid = process, process.pid
        os.set_blocking(process.stdin.fileno(), False)
        asyncio.get_running_loop().add_reader(process.stdout.fileno(), self._read, process.stdout.fileno())

    async def attached(self, seconds: float) -> None:
        """Return when the client is attached; TmuxError with tmux's words if it is refused."""
        self._arm(self._attached, seconds)
        await self._attached.future

    async def run(
        self,
        line: bytes,
        *,
        blocks: int = 1,
        words: Collection[bytes] = (),
        rows: Callable[[Block], int] | None = None,
        seconds: float = TIMING.tmux.call,
    ) -> list[Block]:
        """Send one command line and return its blocks."""
        if self._process is None or self._process.stdin is None:
            raise ServerGone("The tmux control client has ended.")
        call = Call(blocks, words, rows)
        self._calls.append(call)
        self._write(self._process.stdin.fileno(), line + b"\n")
        self._arm(call, seconds)
        return await call.future

    async def close(self, seconds: float) -> None:
        """Hang up. The server goes on; what it was already told it still does."""
        self._gone = _nothing
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        await asyncio.wait([self._ended], timeout=seconds)
        self.drop()

    def drop(self) -> None:
        """Hang up at once."""
        self._gone = _nothing
        self._lost(ServerGone("The tmux control client was closed."))

    def _arm(self, call: Call, seconds: float) -> None:
        if not call.future.done():
            call.timer = asyncio.get_running_loop().call_later(seconds, self._late, seconds)

    def _late(self, seconds: float) -> None:
        """An answer that comes later would be taken for the next question's: the client is of no more use."""
        self._lost(TmuxTimeout(f"tmux has not answered within {seconds:g} s: its server is stopped or overloaded."))

    def _write(self, descriptor: int, line: bytes) -> None:
        try:
            whole = os.write(descriptor, line) == len(line)
        except BlockingIOError:
            whole = False
        except OSError:
            self._lost(ServerGone("The tmux server has ended."))
            return
        if not whole:
            self._lost(TmuxTimeout("tmux has stopped reading its commands: its server is stopped or overloaded."))

    def _read(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, _CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        if not data:
            self._lost(ServerGone(self._last_words()))
        else:
            self._feed(data)

    def _last_words(self) -> str:
        said = (self._attached.stray + self._rest).decode("utf-8", "replace").strip()
        return f"tmux: {said}." if said else "The tmux server has ended."

    def _feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        output = people = False
        for line in lines:
            if self._tag is not None:
                self._inside(line)
            elif line.startswith((b"%output ", b"%extended-output ")):
                output = True
            elif line.startswith(b"%begin "):
                self._tag, self._lines = line[7:], []
            elif line.startswith(_PEOPLE):
                people = True
            elif line.startswith(b"%exit "):
                self._attached.stray += line[6:]
            elif not line.startswith(b"%"):
                self._stray(line)
        if output:
            self._output()
        if people:
            self._people()

    def _inside(self, line: bytes) -> None:
        kind, _, tag = line.partition(b" ")
        if tag != self._tag or kind not in (b"%end", b"%error") or self._current().short(self._lines):
            self._lines.append(line)
            return
        self._tag = None
        self._close_block(self._lines, tag.endswith(b" 1"), kind == b"%error")

    def _current(self) -> Call:
        return self._calls[0] if self._calls and self._attached.future.done() else self._attached

    def _close_block(self, lines: Block, ours: bool, failed: bool) -> None:
        call = self._current()
        if ours == (call is self._attached):
            return  # of somebody else, or of the attach itself
        if failed:
            call.finish(TmuxError(_refusal(lines, call.stray)))
        elif call.take(lines):
            call.finish()
        else:
            return
        if ours:
            self._calls.popleft()

    def _stray(self, line: bytes) -> None:
        self._current().stray += line + b"\n"

    def _lost(self, error: TmuxError) -> None:
        """The client is of no use any more: let go of everything, and tell everyone who waits."""
        process, self._process = self._process, None
        if process is None:
            return
        was_attached = self._attached.future.done() and self._attached.future.exception() is None
        _dispose(process)
        calls = [self._attached, *self._calls]
        self.unanswered = bool(self._calls)
        self._calls.clear()
        for call in calls:
            call.finish(error)
        if not self._ended.done():
            self._ended.set_result(None)
        if was_attached:
            self._gone()


def _dispose(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    asyncio.get_running_loop().remove_reader(process.stdout.fileno())
    process.stdin.close()
    process.stdout.close()
    process.kill()  # it has nothing to save: its commands are the server's already
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1)


def _refusal(lines: Block, stray: bytes) -> str:
    said = b"; ".join([*lines, *stray.splitlines()]).decode("utf-8", "replace")
    return f"tmux: {said or 'refused without a word'}."


def _nothing() -> None:
    """Nobody is told of an end that was asked for."""
