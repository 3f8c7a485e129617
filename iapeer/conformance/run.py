"""Run the conformance cases: in a sandbox, with the program in its seeded home, and a model server if it needs one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from iapeer.conformance import report as report_
from iapeer.conformance import seeding
from iapeer.conformance.cases import FIRST, Case, cases
from iapeer.conformance.outcome import Broken, Missing
from iapeer.conformance.report import Report, Result
from iapeer.conformance.subject import Subject
from iapeer.conformance.witness import ModelServer
from iapeer.demo.sandbox import Sandbox, fake_program, sandbox
from iapeer.model.errors import PeerError, Usage
from iapeer.paths.layout import bundled, layout
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.binary import Probe, Program, find_binary, unchecked
from iapeer.runtimes.checktables import Check, CheckHome
from iapeer.runtimes.load import Catalogue, Loaded
from iapeer.tmux import require_tmux

# All that a checked program is given of our own environment.
_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "IAPEER_TEST_SANDBOX")
_VERSION = "version"


@dataclass(frozen=True)
class Wish:
    """What was asked for. `only` is a part of the cases' names; `patience` is for any one step, in seconds."""

    runtime: str
    as_json: bool = False
    only: str = ""
    keep: bool = False
    patience: float = 60.0


def find(name: str) -> Loaded:
    """Find the adapter, the user's own first; the bundled fake agent's is there too."""
    extra = [Path(part) for part in os.environ.get("IAPEER_ADAPTERS", "").split(os.pathsep) if part]
    return Catalogue(layout().adapters, (bundled("fixtures") / "fake.toml", *extra)).get(name)


def run(wish: Wish) -> None:
    """Check a runtime and print the results. Failed when a case failed, Usage when there is no [check] table."""
    require_tmux()
    loaded = find(wish.runtime)
    kept: list[str] = []

    def environment(base: Path) -> dict[str, str]:
        kept.append(str(base))
        inherited = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {
            "LANG": "C.UTF-8",
            "PATH": os.defpath,
            **inherited,
            "IAPEER_ADAPTERS": str(loaded.path),
            **_binary(loaded, base),
        }

    with sandbox(environment, wish.keep) as made:
        program = asyncio.run(Probe().program(loaded.adapter, os.environ))
        adapter = loaded.adapter.for_version(program.version)
        with _server(adapter.check, made) as (server, url):
            subject = _subject(made, adapter, program, wish.patience, server, url)
            table = Report([name for name, _ in cases(subject)], wish.as_json)
            table.begin()
            table.add(_version(program, adapter))
            if adapter.check is None:
                _nothing_else(table, subject)
            else:
                _all(subject, table, wish.only)
    about = {"runtime": adapter.name, "title": adapter.title, "adapter": str(loaded.path), "program": program.path}
    table.close({**about, "version": program.version}, kept[0] if wish.keep else None)
    if adapter.check is None:
        raise Usage(f"{loaded.path} has no [check] table: nothing but the version was checked.", code="no-check")


def _binary(loaded: Loaded, base: Path) -> dict[str, str]:
    """Say where the program is, by its variable; the bundled fake agent is made an executable."""
    variable = f"IAPEER_{loaded.adapter.name.upper()}_BIN"
    own = loaded.adapter.name == "fake" and not os.environ.get(variable)
    return {variable: str(fake_program(base)) if own else find_binary(loaded.adapter, os.environ)}


@contextlib.contextmanager
def _server(check: Check | None, made: Sandbox) -> Iterator[tuple[ModelServer | None, str]]:
    """Run the model server, if the adapter names one; it and its URL."""
    if check is None or check.server is None:
        yield None, ""
        return
    with ModelServer(check.server, made.base / "model.jsonl") as server:
        yield server, server.url


def _subject(
    made: Sandbox, adapter: Adapter, program: Program, patience: float, server: ModelServer | None, url: str
) -> Subject:
    """Make the peer, in its seeded home. From here on our environment is its daemon's."""
    check = adapter.check or Check()
    subject = Subject(made, adapter, check, program, patience, {}, server)
    os.environ.update(_seed(subject, check, url, "home"))
    subject.env = dict(os.environ)
    return replace(subject, another=lambda name, home: _another(subject, url, name, home))


def _another(subject: Subject, url: str, name: str, home: CheckHome) -> Subject:
    """Make another peer, in a home of its own."""
    made = replace(subject, name=name)
    more = _seed(made, seeding.in_home(subject.check, home), url, f"home-{name}")
    text = "".join(f"{name}={value}\n" for name, value in more.items())
    seeding.write(made.folder / ".iapeer" / "runtimes" / made.adapter.name / "launch.env", text)
    return replace(made, env={**subject.env, **more})


def _seed(subject: Subject, check: Check, url: str, home: str) -> dict[str, str]:
    folder = subject.sandbox.base / home
    filled = seeding.names(folder, subject.folder, url, subject.program.path, subject.mark)
    return seeding.seed(check, folder, filled, path=os.environ["PATH"])


def _version(program: Program, adapter: Adapter) -> Result:
    if program.version is None:
        return Result(_VERSION, report_.FAILED, f"{program.path} does not tell its version as the adapter reads it")
    differs = unchecked(adapter, program.version)
    return Result(_VERSION, report_.DIFFERS if differs else report_.OK, differs or program.version)


def _nothing_else(table: Report, subject: Subject) -> None:
    for name, _ in cases(subject):
        table.add(Result(name, report_.SKIPPED, "the adapter has no [check] table"))


def _all(subject: Subject, table: Report, only: str) -> None:
    """Do every case on a peer that is idle; where none can be had, skip the rest."""
    alive = True
    for name, case in cases(subject):
        if only not in name and name != FIRST:
            continue
        if not alive:
            table.add(Result(name, report_.SKIPPED, "there is no session to check it in"))
            continue
        table.now(name)
        result = _one(subject, name, case)
        table.add(result)
        if result.result == report_.FAILED:
            alive = name != FIRST and _anew(subject)


def _one(subject: Subject, name: str, case: Case) -> Result:
    began = time.monotonic()
    try:
        outcome, detail = report_.OK, case(subject)
    except Missing as error:
        return Result(name, report_.SKIPPED, str(error))
    except (Broken, PeerError) as error:
        outcome, detail = report_.FAILED, str(error)
    took = time.monotonic() - began
    return Result(name, outcome, detail, round(took, 3), _screen(subject) if outcome == report_.FAILED else "")


def _screen(subject: Subject) -> str:
    with contextlib.suppress(PeerError):
        return subject.screen()
    return ""


def _anew(subject: Subject) -> bool:
    """Put the peer in order after a failed check; whether that worked."""
    with contextlib.suppress(PeerError):
        subject.forget()
    try:
        subject.create()
        subject.start()
    except PeerError:
        return False
    return True
