"""Finding and reading adapter files. A file that is wrong is refused with its path, line and field."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from iapeer.files import Unfit, read_text
from iapeer.model.errors import Failed
from iapeer.model.names import unknown
from iapeer.paths import bundled
from iapeer.runtimes.adapter import Adapter


@dataclass(frozen=True)
class Loaded:
    """An adapter and where it came from: `bundled` or `user`."""

    adapter: Adapter
    path: Path
    origin: str


def read_adapter(path: Path) -> Adapter:
    """The adapter in `path`, or Failed naming path, line and field."""
    try:
        text = read_text(path)
        return Adapter.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Failed(f"{path} is not valid TOML: {error}.", code="bad-adapter") from error
    except ValidationError as error:
        raise Failed(_explain(path, text, error), code="bad-adapter") from error
    except Unfit as error:
        raise Failed(f"{path} cannot be read: {error.strerror}.", code="bad-adapter") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"{path} cannot be read: {error}.", code="bad-adapter") from error


class Catalogue:
    """All adapters of a root: the bundled ones, overridden and added to by the user's own folder."""

    def __init__(self, user_folder: Path, extra: tuple[Path, ...] = ()) -> None:
        self._user = user_folder
        self._extra = extra
        self._cache: dict[Path, tuple[tuple[int, int], Adapter]] = {}

    def names(self) -> list[str]:
        """The names of all runtimes, sorted."""
        return sorted(self._files())

    def get(self, name: str) -> Loaded:
        """One adapter, read again only when its file changed. Refused when nobody has that name."""
        files = self._files()
        if name not in files:
            raise unknown("runtime", name, files)
        path, origin = files[name]
        return Loaded(self._read(path, name), path, origin)

    def _read(self, path: Path, name: str) -> Adapter:
        try:
            info = path.stat()
        except OSError as error:
            raise Failed(f"{path} cannot be read: {error.strerror}.", code="bad-adapter") from error
        stamp = (info.st_mtime_ns, info.st_size)
        if path not in self._cache or self._cache[path][0] != stamp:
            adapter = read_adapter(path)
            if adapter.name != name:
                raise Failed(
                    f"{path}: field name: is '{adapter.name}' but the file is named '{name}'.", code="bad-adapter"
                )
            self._cache[path] = (stamp, adapter)
        return self._cache[path][1]

    def _files(self) -> dict[str, tuple[Path, str]]:
        found: dict[str, tuple[Path, str]] = {}
        for path in (*sorted(bundled("adapters").glob("*.toml")), *self._extra):
            found[path.stem] = (path, "bundled")
        if self._user.is_dir():
            found.update({path.stem: (path, "user") for path in sorted(self._user.glob("*.toml"))})
        return found


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
