"""Finding an agent's program and asking for its version."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from iapeer.model.errors import Refused
from iapeer.model.versions import version_of
from iapeer.process.command import run
from iapeer.runtimes.adapter import Adapter

_PROBE_S = 15.0
_NOT_STARTED = (126, 127)  # exit codes of a shell that could not start what it was to become


@dataclass(frozen=True, slots=True)
class Program:
    """An agent's program as found here. `warning` says when the adapter was not checked with this version."""

    path: str
    version: str | None
    warning: str | None


def find_binary(adapter: Adapter, env: Mapping[str, str]) -> str:
    """The absolute path of the program, or Refused with what to do."""
    variable = f"IAPEER_{adapter.name.upper()}_BIN"
    wanted = env.get(variable)
    for name in [wanted] if wanted else adapter.binary.names:
        place = shutil.which(name, path=env.get("PATH", os.defpath))
        if place:
            return os.path.abspath(place)  # noqa: PTH100 - not resolved: a link's own name matters to some programs
    tried = wanted or ", ".join(adapter.binary.names)
    raise Refused(
        f"{adapter.title} is not installed here ({tried} is not on PATH): install it, or set {variable}; "
        "then `iapeer daemon restart`, if the daemon ran before.",
        code="no-binary",
    )


def counting_path(adapter: Adapter, env: Mapping[str, str], confirmed: str | None) -> str:
    """The program to start: where it was confirmed to be; where it is found when `confirmed` is None.

    Refused when it is not found at all, or is another now and the confirmed one is gone.
    """
    path = find_binary(adapter, env)
    if confirmed in (None, path):
        return path
    if shutil.which(str(confirmed)):
        return str(confirmed)
    raise Refused(
        f"{adapter.title} was confirmed at {confirmed}, which is gone; it is found at {path} now: `iapeer trust PEER` "
        f"of a peer with the runtime {adapter.name} confirms that.", code="unconfirmed",
    )  # fmt: skip


class Probe:
    """Version probes, remembered per file as long as it is unchanged: a probe costs a start of the program.

    `confirmed` tells where a runtime's program was confirmed to be, None where it was not.
    """

    def __init__(self, confirmed: Callable[[str], str | None] = lambda _: None) -> None:
        self._confirmed = confirmed
        self._known: dict[tuple[str | int, ...], str | None] = {}

    async def program(self, adapter: Adapter, env: Mapping[str, str]) -> Program:
        """The program with its version; a version that cannot be told is None, not an error."""
        path = counting_path(adapter, env, self._confirmed(adapter.name))
        key: tuple[str | int, ...] = (path, *_stamp(path))
        if key not in self._known:
            self._known[key] = await _ask(path, adapter, env)
        version = self._known[key]
        return Program(path, version, _warning(adapter, version))


def _stamp(path: str) -> tuple[int, ...]:
    """What differs once another version is at this path: packages may give the files of all versions one date."""
    info = Path(path).stat()
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


def unchecked(adapter: Adapter, version: str | None) -> str | None:
    """How this version stands to those that the adapter was checked with, as a clause; None when it is among them."""
    number, ranges = version_of(version), ", ".join(map(str, adapter.checked))
    if version is None:
        return f"{adapter.title} does not tell its version; its adapter was checked with {ranges}"
    if number is None:
        return f"{adapter.title} tells no number as its version ({version}); its adapter was checked with {ranges}"
    if any(checked.contains(number) for checked in adapter.checked):
        return None
    stands = "between the versions"
    if all(checked.below(number) for checked in adapter.checked):
        stands = "newer than"
    elif all(checked.above(number) for checked in adapter.checked):
        stands = "older than"
    return f"{adapter.title} {version} is {stands} its adapter was checked with ({ranges})"


def _warning(adapter: Adapter, version: str | None) -> str | None:
    said = unchecked(adapter, version)
    return f"{said}: `iapeer runtime check {adapter.name}` tells whether it holds." if said is not None else None


async def _ask(path: str, adapter: Adapter, env: Mapping[str, str]) -> str | None:
    try:
        ran = await run([path, *adapter.binary.version_args], _PROBE_S, env=env)
    except OSError as error:
        raise Refused(
            f"{path} cannot be started ({error.strerror}): install {adapter.title} anew.", code="no-binary"
        ) from error
    if ran is None:
        return None
    if ran.code in _NOT_STARTED:
        raise Refused(f"{path} cannot be started: install {adapter.title} anew.", code="no-binary")
    version = adapter.binary.version.search(ran.output)
    return (version[1] if version.re.groups else version[0]) if version else None
