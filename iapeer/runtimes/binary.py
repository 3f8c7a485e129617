"""Finding an agent's program and asking for its version."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from iapeer.model.errors import Refused
from iapeer.runtimes.adapter import Adapter

_PROBE_S = 15.0


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
        found = shutil.which(name, path=env.get("PATH", os.defpath))
        if found:
            return os.path.abspath(found)  # noqa: PTH100 - not resolved: a link's own name matters to some programs
    tried = wanted or ", ".join(adapter.binary.names)
    raise Refused(
        f"{adapter.title} is not installed here ({tried} is not on PATH): install it, or set {variable}; "
        "then `iapeer daemon restart`, if the daemon ran before.",
        code="no-binary",
    )


class Probe:
    """Version probes, remembered per file and change time: a probe costs a start of the program."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], str | None] = {}

    async def program(self, adapter: Adapter, env: Mapping[str, str]) -> Program:
        """The program with its version; a version that cannot be told is None, not an error."""
        path = find_binary(adapter, env)
        key = (path, Path(path).stat().st_mtime_ns)
        if key not in self._known:
            self._known[key] = await _ask(path, adapter, env)
        version = self._known[key]
        return Program(path, version, _warning(adapter, version))


def _warning(adapter: Adapter, version: str | None) -> str | None:
    if version in adapter.checked:
        return None
    found = f"is version {version}" if version else "does not tell its version"
    return f"{adapter.title} {found}; its adapter was checked with {', '.join(adapter.checked)}."


async def _ask(path: str, adapter: Adapter, env: Mapping[str, str]) -> str | None:
    try:
        process = await asyncio.create_subprocess_exec(
            path, *adapter.binary.version_args, env=dict(env),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
    except OSError as error:
        raise Refused(
            f"{path} cannot be started ({error.strerror}): install {adapter.title} anew.", code="no-binary"
        ) from error
    try:
        out, _ = await asyncio.wait_for(process.communicate(), _PROBE_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    found = adapter.binary.version.search(out.decode(errors="replace"))
    return (found[1] if found.re.groups else found[0]) if found else None
