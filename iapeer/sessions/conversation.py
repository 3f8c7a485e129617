"""Which conversation a process is in, where the program itself chooses it: told by the files the process holds open."""

from __future__ import annotations

import os
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

from iapeer.model.names import conversation_id
from iapeer.process.processes import Processes
from iapeer.runtimes.transcripts.jsonlines import first_meets
from iapeer.runtimes.transcripttables import Find
from iapeer.sessions.filewatch import Places, coming, files_of, merged, split


class Finder:
    """Looks at what the process `pid` and, where that holds nothing, its nearest descendants that do hold open.

    What stands deeper is another agent of the same program, which a tool of ours has started.
    `pattern` gives where the transcript of a conversation is; `watch` is the folder that tells of a new conversation.
    """

    def __init__(self, processes: Processes, rules: Find, pid: int, pattern: Callable[[str], str], watch: str) -> None:
        self._processes = processes
        self._rules = rules
        self._pid = pid
        self._pattern = pattern
        self._watch = watch
        self._held: dict[str, Path | None] = {}  # conversation -> its transcript, once there is one
        self._talked: dict[Path, bool] = {}

    def current(self, known: str | None) -> str | None:
        """The conversation that is talked in: the one written last. Before anything is written: the one there is."""
        self._held = self._look()
        written = [(_written(file), name) for name, file in self._held.items() if file and self._is_talked_in(file)]
        if written:
            return max(written)[1]
        return known or (next(iter(self._held)) if len(self._held) == 1 else None)

    def file(self, conversation: str | None) -> Path | None:
        """The transcript of `conversation`, if the process holds it open."""
        return self._held.get(conversation) if conversation else None

    def places(self) -> Places:
        """Where a new conversation, or the transcript of one that has none yet, will show."""
        expected = [coming(self._pattern(name)) for name, file in self._held.items() if file is None]
        return merged(coming(f"{self._watch}/*"), *expected)

    def _look(self) -> dict[str, Path | None]:
        generation, held = [self._pid], self._of(self._pid)
        while not held and generation:
            generation = [child for pid in generation for child in self._processes.children(pid)]
            held = {name: file for pid in generation for name, file in self._of(pid).items()}
        return held

    def _of(self, pid: int) -> dict[str, Path | None]:
        paths = self._processes.open_files(pid)
        signs = [*paths, *(f"{self._watch}/{rest}" for rest in _below(self._watch, paths))]
        matches = filter(None, map(self._rules.open.search, signs))
        named = filter(None, (conversation_id(match["conversation"]) for match in matches))
        return {name: self._record(name, paths) for name in named}

    def _record(self, name: str, paths: list[str]) -> Path | None:
        """The transcript of conversation `name` among the open `paths`, by the name that its pattern gives it."""
        pattern = self._pattern(name)
        folder, rest = split(pattern)
        near = [path for path in paths if name in path and fnmatchcase(Path(path).name, rest.name)]
        straight = next((file for file in _below(str(folder), near) if fnmatchcase(file, str(rest))), None)
        if straight is not None or not near:
            return folder / straight if straight else None
        # A link in place of a *: only the files themselves tell.
        return next((file for file in files_of(pattern) if str(file.resolve()) in near), None)

    def _is_talked_in(self, file: Path) -> bool:
        """By its first record, which never changes once it is written."""
        if file not in self._talked:
            met = first_meets(self._rules.first, file)
            if met is None:
                return False
            self._talked[file] = met
        return self._talked[file]


def _below(folder: str, paths: list[str]) -> list[str]:
    """Those of `paths`, which the kernel gives with every link followed, that lie in `folder`; relative to it."""
    real = os.path.realpath(folder) + os.sep
    return [path.removeprefix(real) for path in paths if path.startswith(real)]


def _written(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
