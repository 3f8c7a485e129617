"""The agent programs that are known."""

from __future__ import annotations

import contextlib
from typing import Annotated

from typing_extensions import TypedDict

from iapeer.api.fields import MaybeWarning, Nature, closed, means
from iapeer.api.requests import NoQuery
from iapeer.api.web import ApiCall, Endpoint
from iapeer.fleet.fleet import Fleet
from iapeer.model.errors import PeerError
from iapeer.peers.verify import Problem
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.binary import find_binary


@closed
class ForVersions(TypedDict):
    """What an adapter says otherwise for some versions of its program."""

    range: Annotated[str, means("for which versions")]
    differs: Annotated[list[str], means("the adapter's fields that are other then")]
    applies: Annotated[bool, means("whether the installed program's version is one of them")]


@closed
class RuntimeInfo(TypedDict):
    """One agent program that is known."""

    name: str
    title: Annotated[str, means("its name for people")]
    checked: Annotated[list[str], means("the ranges of versions its adapter was checked with")]
    versions: Annotated[list[ForVersions], means("what holds for some versions only")]
    intelligence: Annotated[Nature | None, means("null: its adapter cannot be read")]
    path: Annotated[str, means("its adapter's file")]
    origin: Annotated[str, means("bundled or user")]
    binary: Annotated[str | None, means("its program; null: it is not installed")]
    version: Annotated[str | None, means("the program's version")]
    warning: MaybeWarning


@closed
class Runtimes(TypedDict):
    """All agent programs that are known."""

    runtimes: list[RuntimeInfo]


async def get_runtimes(call: ApiCall[None, NoQuery]) -> Runtimes:
    names = call.fleet.registry.catalogue.names()
    return {"runtimes": [await _readable_or_not(call.fleet, name) for name in names]}


async def get_runtime(call: ApiCall[None, NoQuery]) -> RuntimeInfo:
    return await runtime_answer(call.fleet, call.name)


async def _readable_or_not(fleet: Fleet, name: str) -> RuntimeInfo:
    """An agent program; of one whose adapter cannot be read, why."""
    try:
        return await runtime_answer(fleet, name)
    except PeerError as error:
        return _unreadable(fleet, name, error)


async def runtime_answer(fleet: Fleet, name: str) -> RuntimeInfo:
    """An agent program. One whose adapter was never confirmed is not run, not even for its version."""
    catalogue = fleet.registry.catalogue
    unconfirmed = catalogue.unconfirmed(name)
    loaded = unconfirmed or catalogue.get(name)
    adapter = loaded.adapter
    binary = version = None
    try:
        if unconfirmed is not None:
            binary = find_binary(adapter, fleet.context.env)
            catalogue.get(name)  # says why not
        program = await fleet.context.probe.program(adapter, fleet.context.env)
        binary, version, warning = program.path, program.version, program.warning
    except PeerError as error:
        warning = str(error)
    return {
        "name": adapter.name, "title": adapter.title, "checked": [str(versions) for versions in adapter.checked],
        "versions": _for_versions(adapter, version), "intelligence": adapter.intelligence, "path": str(loaded.path),
        "origin": loaded.origin, "binary": binary, "version": version, "warning": warning,
    }  # fmt: skip


def _unreadable(fleet: Fleet, name: str, error: PeerError) -> RuntimeInfo:
    path, origin = fleet.registry.catalogue.place(name)
    return {
        "name": name, "title": name, "checked": [], "versions": [], "intelligence": None, "path": str(path),
        "origin": origin, "binary": None, "version": None, "warning": str(error),
    }  # fmt: skip


def _for_versions(adapter: Adapter, version: str | None) -> list[ForVersions]:
    """What the adapter says otherwise for some versions; `version` is the installed program's."""
    used = adapter.for_version(version)
    return [
        {"range": str(variant.range), "differs": variant.differs, "applies": variant.adapter is used}
        for variant in adapter.versions
    ]


async def unchecked_programs(fleet: Fleet) -> list[Problem]:
    """The installed programs, of runtimes that peers have, whose version their adapter was not checked with."""
    profiles = [known.profile for known in fleet.registry.all() if known.profile is not None]
    problems = []
    for name in sorted({name for profile in profiles for name in profile.runtimes}):
        with contextlib.suppress(PeerError):  # what cannot be read or is not there, its peers' own problems tell
            adapter = fleet.registry.catalogue.get(name).adapter
            program = await fleet.context.probe.program(adapter, fleet.context.env)
            if program.warning is not None:
                problems.append(Problem("iapeer", "warning", program.path, program.warning))
    return problems


ENDPOINTS = [
    Endpoint("GET", "/runtimes", get_runtimes, "The agent programs that are known"),
    Endpoint("GET", "/runtimes/{name}", get_runtime, "One agent program"),
]
