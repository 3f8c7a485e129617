"""Watching files: one inotify instance for the whole daemon (the kernel allows few), kqueue where there is none.

A watch is a level trigger: whoever asked is called when something changed in a folder, and looks for itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import sys
from collections.abc import Callable, Collection, Hashable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

Places = dict[Path, frozenset[str] | None]  # folder -> the names (* for any part) that matter in it; None: all
Change = tuple[Path, str | None]  # (folder, the name in it; None: not told)
_BURST = 1000  # so many changes are taken in at once, and then others have their turn


class FileWatch(Protocol):
    """What both kinds of watch offer."""

    @property
    def trouble(self) -> str | None:
        """Why some changes are not told, as a clause; None: all are."""

    def want(self, owner: Hashable, places: Places, call: Callable[[], None]) -> None:
        """Call `call` when something in `places` changes; replaces what this owner wanted before."""

    def drop(self, owner: Hashable) -> None:
        """Forget what this owner wanted."""

    async def keep_watching(self, progressed: Callable[[], None]) -> None:
        """Call whoever is concerned, for ever, and `progressed` whenever something changed. Begun again after an error,
        it calls all of them first: something may have been missed.
        """

    def retry(self) -> None:
        """Watch what could not be watched before."""

    def close(self) -> None:
        """Stop watching altogether."""


def files_of(pattern: str) -> list[Path]:
    """All files that `pattern`, an absolute path with * for any part of a name, names."""
    return _matching(*split(pattern))


def _matching(base: Path, rest: Path) -> list[Path]:
    """What `rest` names below `base`. Nothing where it goes up or down without an end: that would never be done."""
    endless = any(part == ".." or "**" in part for part in rest.parts)
    return [] if endless else list(base.glob(str(rest)))


def places_of(pattern: str) -> tuple[Path | None, Places]:
    """The newest file that `pattern` (one * at most a part) names, or None, and where to look for its coming."""
    path = Path(pattern)
    base, rest = split(pattern)
    if not base.is_dir():
        return None, {_nearest(base): None}
    files = _matching(base, rest)
    if files:
        newest = max(files, key=lambda file: file.stat().st_mtime_ns)
        target = newest.resolve() if newest.is_symlink() else newest
        return newest, merged(just(newest), just(target))
    if len(rest.parts) == 1:
        return None, {base: frozenset({rest.name})}
    folders: Places = {folder: frozenset({path.name}) for folder in base.iterdir() if folder.is_dir()}
    return None, {base: None, **folders}


def just(file: Path) -> Places:
    """One file."""
    return {file.parent: frozenset({file.name})}


def split(pattern: str) -> tuple[Path, Path]:
    """The folder that is fixed, whatever stands in its name, and the rest."""
    parts = Path(pattern).parts
    star = next((index for index, part in enumerate(parts) if "*" in part), len(parts) - 1)
    return Path(*parts[:star]), Path(*parts[star:])


def coming(pattern: str) -> Places:
    """Where to watch for a file yet to be made, where a program makes it in the last folder, by name, of each *."""
    first, *parts, name = Path(pattern).parts
    folder, places = Path(first), Places()
    for part in parts:
        if "*" in part:
            places[folder] = None
        children = folder.glob(part) if "*" in part else [folder / part]
        inside = max((child for child in children if child.is_dir()), default=None)
        if inside is None:
            return {**places, folder: None if "*" in part else frozenset({part})}
        folder = inside
    return {**places, folder: frozenset({name})}


def merged(*some: Places) -> Places:
    """All of these places."""
    places = Places()
    for folder, names in (item for each in some for item in each.items()):
        before = places.get(folder, frozenset())
        places[folder] = None if names is None or before is None else names | before
    return places


def _nearest(path: Path) -> Path:
    return next(parent for parent in (path, *path.parents) if parent.is_dir())


class _Wanted:
    """Who wants to hear of which folder."""

    def __init__(self) -> None:
        self.owners: dict[Hashable, tuple[Places, Callable[[], None]]] = {}

    def folders(self) -> set[Path]:
        return {folder for places, _ in self.owners.values() for folder in places}

    def tell(self, changes: Collection[Change]) -> None:
        """Call everyone whom one of the changes concerns, once."""
        for places, call in list(self.owners.values()):
            if any(folder in places and _concerns(places[folder], name) for folder, name in changes):
                call()


def _concerns(names: frozenset[str] | None, name: str | None) -> bool:
    return names is None or name is None or name in names or any(fnmatchcase(name, pattern) for pattern in names)


def file_watch(tell: Callable[[str], object] | None = None) -> FileWatch:
    """The watch of this platform. Must be made inside the running loop. `tell` is called with a trouble that begins."""
    if sys.platform == "linux":
        return InotifyWatch(tell)
    else:  # noqa: RET505 - mypy tells the platforms apart by it
        return KqueueWatch(tell)


class _Trouble:
    """Why some of what is wanted is not watched: the newest reason, told when it begins."""

    def __init__(self, tell: Callable[[str], object] | None) -> None:
        self.now: str | None = None
        self._tell = tell

    def note(self, why: str | None) -> None:
        before, self.now = self.now, why
        if self._tell is not None and why is not None and why != before:
            self._tell(why)


_LIMITS = {
    errno.ENOSPC: "the kernel lets this user watch no more folders: raise fs.inotify.max_user_watches",
    errno.EMFILE: "this user has no more file watches or open files: raise fs.inotify.max_user_instances",
    errno.ENFILE: "this machine has no more open files: raise fs.file-max",
    errno.ENOMEM: "the kernel has no memory for another file watch",
}


def _limit(error: OSError) -> str | None:
    """The limit that was reached, as a clause; None where something else is wrong."""
    return _LIMITS.get(error.errno or 0)


if sys.platform == "linux":
    from asyncinotify import Event, Inotify, Mask, Watch

    # No CLOSE_WRITE: to read a database, SQLite opens its log to write, and our own readings would wake us for ever.
    _MASK = Mask.CREATE | Mask.MODIFY | Mask.MOVED_TO | Mask.MOVED_FROM | Mask.DELETE | Mask.DELETE_SELF

    class InotifyWatch:
        """One inotify instance, read by one task."""

        def __init__(self, tell: Callable[[str], object] | None) -> None:
            self._wanted = _Wanted()
            self._watches: dict[Path, Watch] = {}
            self._trouble = _Trouble(tell)
            self._inotify: Inotify | None = None
            self._opened = asyncio.Event()
            self._open()

        @property
        def trouble(self) -> str | None:
            return self._trouble.now

        def retry(self) -> None:
            if self.trouble is not None:
                self._open()
                self._sync()

        def _open(self) -> None:
            """Make the instance, if there is none yet."""
            if self._inotify is not None:
                return
            try:
                self._inotify = Inotify(sync_timeout=0.0)
            except OSError as error:
                self._trouble.note(_limit(error) or f"no file watch can be made ({error.strerror})")
                return
            self._opened.set()

        def want(self, owner: Hashable, places: Places, call: Callable[[], None]) -> None:
            before = self._wanted.owners.get(owner)
            self._wanted.owners[owner] = (places, call)
            if before is None or before[0].keys() != places.keys():
                self._sync()

        def drop(self, owner: Hashable) -> None:
            if self._wanted.owners.pop(owner, None) is not None:
                self._sync()

        def close(self) -> None:
            if self._inotify is not None:
                self._inotify.close()

        def _sync(self) -> None:
            """Watch what is wanted and nothing else, as far as there are watches."""
            if self._inotify is None:
                return
            folders, why = self._wanted.folders(), None
            for folder in self._watches.keys() - folders:
                watch = self._watches.pop(folder)
                if not self._named_by(watch):
                    with contextlib.suppress(OSError):
                        self._inotify.rm_watch(watch)
            for folder in folders - self._watches.keys():
                try:
                    self._watches[folder] = self._inotify.add_watch(folder, _MASK)
                except OSError as error:  # gone in between: the next look finds its parent
                    why = _limit(error) or why
            self._trouble.note(why)

        async def keep_watching(self, progressed: Callable[[], None]) -> None:
            await self._opened.wait()
            assert self._inotify is not None
            self._tell_everyone()
            while True:
                progressed()
                self._wanted.tell(await self._burst(self._inotify))

        async def _burst(self, inotify: Inotify) -> set[Change]:
            """Wait for a change, and take those that have come with it: a program writes a file in several steps."""
            changes: set[Change] = set()
            event: Event | None = await inotify.get()
            while event is not None:
                changes |= self._changes_of(event)
                event = inotify.sync_get() if len(changes) < _BURST else None
            return changes

        def _changes_of(self, event: Event) -> set[Change]:
            if event.watch is None:  # the queue overflowed: something was missed, so everyone looks
                return {(folder, None) for folder in self._wanted.folders()}
            folders = self._named_by(event.watch)
            if event.mask & (Mask.DELETE_SELF | Mask.IGNORED):
                for folder in folders:
                    del self._watches[folder]
            return {(folder, str(event.name) if event.name else None) for folder in folders}

        def _tell_everyone(self) -> None:
            self._wanted.tell({(folder, None) for folder in self._wanted.folders()})

        def _named_by(self, watch: Watch) -> list[Path]:
            """The folders that this watch is of: to the kernel one folder under two names, by a link, is one."""
            return [folder for folder, named in self._watches.items() if named is watch]

else:

    class KqueueWatch:
        """kqueue on folders, and on the files in them that matter."""

        def __init__(self, tell: Callable[[str], object] | None) -> None:
            self._queue = select.kqueue()
            self._trouble = _Trouble(tell)
            self._wanted = _Wanted()
            self._open: dict[Path, int] = {}
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._queue.fileno(), self._read)

        def want(self, owner: Hashable, places: Places, call: Callable[[], None]) -> None:
            self._wanted.owners[owner] = (places, call)
            self._sync()

        def drop(self, owner: Hashable) -> None:
            if self._wanted.owners.pop(owner, None) is not None:
                self._sync()

        async def keep_watching(self, progressed: Callable[[], None]) -> None:
            progressed()
            await asyncio.Event().wait()  # the loop calls _read, whatever one call raised

        @property
        def trouble(self) -> str | None:
            return self._trouble.now

        def retry(self) -> None:
            if self.trouble is not None:
                self._sync()

        def close(self) -> None:
            self._loop.remove_reader(self._queue.fileno())
            for fd in self._open.values():
                os.close(fd)
            self._queue.close()

        def _sync(self) -> None:
            paths = set(self._targets())
            for path in self._open.keys() - paths:
                os.close(self._open.pop(path))
            why = None
            for path in paths - self._open.keys():
                try:
                    self._add(path)
                except OSError as error:
                    why = _limit(error) or why
            self._trouble.note(why)

        def _targets(self) -> Iterable[Path]:
            for places, _ in self._wanted.owners.values():
                for folder, names in places.items():
                    yield folder
                    yield from (folder / name for name in names or ())

        def _add(self, path: Path) -> None:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            flags = select.KQ_NOTE_WRITE | select.KQ_NOTE_EXTEND | select.KQ_NOTE_DELETE | select.KQ_NOTE_RENAME
            change = select.kevent(fd, select.KQ_FILTER_VNODE, select.KQ_EV_ADD | select.KQ_EV_CLEAR, flags)
            self._queue.control([change], 0)
            self._open[path] = fd

        def _read(self) -> None:
            changed = {event.ident for event in self._queue.control(None, 64, 0)}
            paths = [path for path, fd in self._open.items() if fd in changed]
            self._sync()
            self._wanted.tell({change for path in paths for change in ((path, None), (path.parent, path.name))})
