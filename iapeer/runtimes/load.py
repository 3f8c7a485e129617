"""Finding and reading adapter files. A file that is wrong is refused with its path, line and field."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from iapeer.files.regular import Unfit, read_text
from iapeer.model.errors import Failed, Refused
from iapeer.model.names import unknown
from iapeer.paths.layout import bundled
from iapeer.runtimes.adapter import Adapter

_BUNDLED, _USER = "bundled", "user"
_KEPT = 64  # adapters that are remembered: a file may change any number of times


@dataclass(frozen=True)
class Loaded:
    """An adapter and where it came from: `bundled` or `user`."""

    adapter: Adapter
    path: Path
    origin: str


def read_adapter(path: Path) -> Adapter:
    """The adapter in `path`, or Failed naming path, line and field."""
    return parse_adapter(path, _text(path))


def parse_adapter(path: Path, text: str) -> Adapter:
    """The adapter that `text` is, or Failed naming line and field, and `path` as the file that it stands in."""
    try:
        return Adapter.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Failed(f"{path} is not valid TOML: {error}.", code="bad-adapter") from error
    except ValidationError as error:
        raise Failed(_explain(path, text, error), code="bad-adapter") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, a thousand brackets
        raise Failed(f"{path} holds what no adapter does ({error}).", code="bad-adapter") from error


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except Unfit as error:
        raise Failed(f"{path} cannot be read: {error.strerror}.", code="bad-adapter") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"{path} cannot be read: {error}.", code="bad-adapter") from error


class Catalogue:
    """All adapters of a root: the bundled ones, overridden and added to by the user's own folder.

    `confirmed` tells the text of a user's adapter that the operator confirmed, by name; None: none was. That text
    counts then, whatever the file says. Without `confirmed` the files count as they are.
    """

    def __init__(
        self, user_folder: Path, extra: tuple[Path, ...] = (), confirmed: Callable[[str], str | None] | None = None
    ) -> None:
        self._user = user_folder
        self._extra = extra
        self._confirmed = confirmed
        self._texts: dict[Path, tuple[tuple[int, int], str]] = {}
        self._parsed: dict[tuple[str, str], Adapter] = {}

    def names(self) -> list[str]:
        """The names of all runtimes, sorted."""
        return sorted(self._files())

    def get(self, name: str) -> Loaded:
        """The adapter that counts, read again only when its file changed.

        Refused when nobody has that name, or when it is a user's own that was never confirmed and stands for no
        bundled one.
        """
        path, origin = self.place(name)
        if origin == _BUNDLED or self._confirmed is None:
            return Loaded(self._adapter(name, path, self._read(path)), path, origin)
        text = self._confirmed(name)
        if text is not None:
            return Loaded(self._adapter(name, path, text), path, origin)
        if (bundled_one := self._bundled().get(name)) is not None:
            return Loaded(self._adapter(name, bundled_one, self._read(bundled_one)), bundled_one, _BUNDLED)
        raise Refused(
            f"The adapter {path} was never confirmed: `iapeer trust PEER` of a peer with the runtime {name} shows and "
            "confirms it.", code="unconfirmed",
        )  # fmt: skip

    def unconfirmed(self, name: str) -> Loaded | None:
        """A user's own adapter that does not count, because it was never confirmed and stands for no bundled one."""
        if self._confirmed is None or self.has_bundled(name) or self._confirmed(name) is not None:
            return None
        proposed = self.proposed(name)
        return Loaded(self._adapter(name, *proposed), proposed[0], _USER) if proposed is not None else None

    def has_bundled(self, name: str) -> bool:
        """Whether there is an adapter of that name that needs no consent."""
        return name in self._bundled()

    def proposed(self, name: str) -> tuple[Path, str] | None:
        """The user's own adapter of that name, (file, text); None where there is none. Failed when it is no adapter."""
        path, origin = self._files().get(name, (None, _BUNDLED))
        if path is None or origin == _BUNDLED:
            return None
        text = self._read(path)
        self._adapter(name, path, text)
        return path, text

    def place(self, name: str) -> tuple[Path, str]:
        """(file, origin) of an adapter, whether it can be read or not. Refused when nobody has that name."""
        files = self._files()
        if name not in files:
            raise unknown("runtime", name, files)
        return files[name]

    def _read(self, path: Path) -> str:
        try:
            info = path.stat()
        except OSError as error:
            raise Failed(f"{path} cannot be read: {error.strerror}.", code="bad-adapter") from error
        stamp = (info.st_mtime_ns, info.st_size)
        if path not in self._texts or self._texts[path][0] != stamp:
            self._texts[path] = (stamp, _text(path))
        return self._texts[path][1]

    def _adapter(self, name: str, path: Path, text: str) -> Adapter:
        if (name, text) not in self._parsed:
            adapter = parse_adapter(path, text)
            if adapter.name != name:
                raise Failed(
                    f"{path}: field name: is '{adapter.name}' but the file is named '{name}'.", code="bad-adapter"
                )
            if len(self._parsed) >= _KEPT:
                self._parsed.clear()
            self._parsed[name, text] = adapter
        return self._parsed[name, text]

    def _bundled(self) -> dict[str, Path]:
        return {path.stem: path for path in (*_adapters_in(bundled("adapters")), *self._extra)}

    def _files(self) -> dict[str, tuple[Path, str]]:
        files = {name: (path, _BUNDLED) for name, path in self._bundled().items()}
        if self._user.is_dir():
            files.update({path.stem: (path, _USER) for path in _adapters_in(self._user)})
        return files


def _adapters_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.glob("*.toml") if path.name.isprintable())
    except OSError as error:  # no descriptor is left
        raise Failed(f"{folder} cannot be read: {error.strerror}.", code="bad-adapter") from error


def _explain(path: Path, text: str, error: ValidationError) -> str:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"] if not (isinstance(part, str) and _is_tag(part))]
    if where[:1] == ["versions"] and where[2:3] == ["adapter"]:  # the whole that was made of the two
        del where[2]
    message = first["msg"].removeprefix("Value error, ")
    return f"{path}, line {line_of(text, where)}: field {'.'.join(where) or '(file)'}: {message}."


_TAGS = {"Not", "Matches", "Above", "str", "bool", "int"}


def _is_tag(part: str) -> bool:
    """Whether pydantic put this in the location to name a branch of a union."""
    return part.startswith(("function-", "list[", "literal[")) or part in _TAGS


def line_of(text: str, where: list[str]) -> int:
    """The line (from 1) of the deepest key of `where` that stands in the TOML `text`.

    Walks headers and `key =` lines; good for files as people write them, and never wrong by more than a table.
    """
    best, depth = 1, 0
    table: list[str] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*(\[\[?)\s*([\w.\"-]+)\s*\]", line):
            here = table = _place(header[2].replace('"', "").split("."), seen, array=header[1] == "[[")
        elif key := re.match(r"\s*([\w\".-]+)\s*=", line):
            here = [*table, *key[1].replace('"', "").split(".")]
        else:
            continue
        common = len(here) if where[: len(here)] == here else 0
        if common > depth:
            best, depth = number, common
    return best


def _place(names: list[str], seen: dict[str, int], *, array: bool) -> list[str]:
    """Where a table stands that has this header, with the numbers of the arrays' items; `seen` counts them."""
    here: list[str] = []
    for depth, name in enumerate(names, 1):
        here.append(name)
        path = ".".join(here)
        if array and depth == len(names):
            seen[path] = seen.get(path, -1) + 1
        if path in seen:
            here.append(str(seen[path]))
    return here
