"""Which process of a pane is the agent: the pane's own, or one below it where a wrapper started the program."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Iterator

from iapeer.model.timing import SessionWaits
from iapeer.process.ending import end_process, wait_gone
from iapeer.process.processes import Processes, Watch


class AgentProcess:
    """Looks for the agent from the pane's process `root` downwards, by the name that tmux would show of it.

    Where processes cannot be told so (no /proc), the agent is the pane's process. `changed` is called when a wrapper's
    agent has ended.
    """

    def __init__(
        self, processes: Processes, waits: SessionWaits, root: int, root_mark: float | None, name: re.Pattern[str],
        changed: Callable[[], None],
    ) -> None:  # fmt: skip
        self._processes = processes
        self._waits = waits
        self.root = root
        self.pid = root  # the agent's once it is there
        self.mark = root_mark
        self._root_mark = root_mark
        self._name = name
        self._changed = changed
        self._there = False
        self._seen = False  # it was there at some time
        self._sure = False  # no other process is looked for while this one is there
        self._watch: Watch | None = None

    def seek(self, speaks: Callable[[int], bool], *, ready: bool, mute: bool) -> bool:
        """Look where the agent is now; True when it is another process than before, or there for the first time.

        `speaks(pid)`: whether the process says of itself that it is the agent: a launcher of the same name does not.
        While nobody does, it is the one next to the pane; for good where agents are `mute`, or are `ready` without it.
        A ready one that has ended is followed by none that does not speak: wrappers start other things afterwards.
        """
        if sys.platform != "linux" or (self._sure and self._is_there()):
            return False
        fitting = list(self._fitting())
        speaking = next((pid for pid in fitting if speaks(pid)), None)
        pid = speaking if speaking is not None else self._mute_one(fitting, ready)
        self._sure = speaking is not None or mute or ready
        known, self._there = self._there, pid is not None
        if pid is None or (known and (pid, self._processes.start_mark(pid)) == (self.pid, self.mark)):
            return False
        self._take(pid)
        return True

    def _mute_one(self, fitting: list[int], ready: bool) -> int | None:
        if self._is_there():
            return self.pid
        return None if ready and self._seen else next(iter(fitting), None)

    def reads(self, shown: str) -> bool:
        """Whether the agent itself has the terminal. `shown` is the pane's command as tmux shows it."""
        terminal = self._processes.job(self.root)
        if terminal is None:
            return self._name.search(shown) is not None
        if not self._is_there():
            return False
        own = terminal if self.pid == self.root else self._processes.job(self.pid)
        return own is not None and (own.tty, own.group) == (terminal.tty, terminal.foreground)

    async def end(self, first: signal.Signals) -> None:
        """End the agent; a wrapper has time to end by itself, as it likes, before it is ended too."""
        processes, waits, root = self._processes, self._waits, (self.root, self._root_mark)
        lived = processes.alive(self.pid, self.mark)
        await end_process(processes, self.pid, self.mark, first, waits)
        if self.pid != self.root and not (lived and await wait_gone(processes, *root, waits.end)):
            await end_process(processes, *root, first, waits)

    def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _is_there(self) -> bool:
        if not (self._there and self._processes.alive(self.pid, self.mark)):
            return False
        return self._name.search(self._processes.shown_name(self.pid)) is not None

    def _fits(self, pid: int) -> bool:
        return self._name.search(self._processes.shown_name(pid)) is not None

    def _fitting(self) -> Iterator[int]:
        """The processes that have the agent's name, the nearest first."""
        generation = [self.root]
        while generation:
            yield from (pid for pid in generation if self._fits(pid))
            generation = [child for pid in generation for child in self._processes.children(pid)]

    def _take(self, pid: int) -> None:
        self.close()
        self.pid, self.mark, self._seen = pid, self._processes.start_mark(pid), True
        if pid != self.root:
            self._watch = self._processes.watch_exit(pid, self._changed)
