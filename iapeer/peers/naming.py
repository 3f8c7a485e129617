"""What a folder's peer is called, and what to say when its name cannot be that."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from iapeer.model.errors import PeerError, Refused
from iapeer.model.names import MAX_NAME, RESERVED, check_personality, normalise, slug

Owner = Callable[[str], str | None]  # the folder of the peer of that name; None: there is none


@dataclass(frozen=True)
class Naming:
    """The naming of one folder. `runtime` is the one asked for: it stands in the commands that are suggested."""

    folder: Path
    owner: Owner
    runtime: str | None = None

    def choose(self, wished: str | None, profiled: str | None) -> str:
        """The name: as wished, else by the profile found in the folder, else the folder's own. Refused with a way out.

        A profile's name that another folder has tells a copy (a second worktree): it gives way to the folder's.
        """
        if wished is not None:
            return self._free(check_personality(wished))
        if profiled is not None and self._is_free(profiled):
            return check_personality(profiled)
        if profiled is not None and not Path(self.owner(profiled) or "").is_dir():
            raise self._moved(profiled)
        return self._free(self._of_folder())

    def _of_folder(self) -> str:
        try:
            return check_personality(normalise(self.folder.name))
        except PeerError as error:
            what = str(error).rpartition(":")[0]
            raise type(error)(f"{what}: {self._way_out()}", code=error.code) from error

    def _free(self, name: str) -> str:
        if self._is_free(name):
            return name
        raise Refused(
            f"The name '{name}' belongs to {self.owner(name)}: give {self.folder} another, {self._way_out(name)}",
            code="name-taken",
        )

    def _is_free(self, name: str) -> bool:
        return self.owner(name) in (None, str(self.folder))

    def _moved(self, name: str) -> Refused:
        return Refused(
            f"The profile here is that of {name}, whose folder {self.owner(name)} is gone: run `iapeer move {name} "
            f"{shlex.quote(str(self.folder))}` if it was moved, or else {self._way_out()}",
            code="name-taken",
        )

    def _way_out(self, like: str | None = None) -> str:
        name = suggestion(like or self.folder.name, lambda name: self.owner(name) is None)
        runtime = f" -r {self.runtime}" if self.runtime else ""
        return f"name the peer with `iapeer init {shlex.quote(str(self.folder))} --name {name}{runtime}`."


def suggestion(like: str, free: Callable[[str], bool]) -> str:
    """A free name that reminds of `like`."""
    base = slug(like)
    if not base[:1].isalpha() or base in RESERVED:
        base = f"peer-{base}"[:MAX_NAME].strip("-")
    numbered = (f"{base[: MAX_NAME - 1 - len(str(number))].rstrip('-')}-{number}" for number in count(2))
    return base if free(base) else next(filter(free, numbered))
