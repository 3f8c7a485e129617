"""Bringing a session up, and finding one again that outlived its daemon."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from iapeer.model.errors import PeerError, Refused
from iapeer.model.ids import uuid7
from iapeer.model.names import identity
from iapeer.paths.layout import Layout, private_dir
from iapeer.peers.doctrine import Me, compose, platform_name
from iapeer.peers.launchenv import LaunchEnv
from iapeer.peers.pieces import read_pieces
from iapeer.peers.profile import Profile, check_initial_prompt
from iapeer.peers.registry import Known
from iapeer.peers.trust import settings_of
from iapeer.process.ending import end_process, kill_all, left_of
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.binary import Program
from iapeer.sessions.context import Context
from iapeer.sessions.follower import Position
from iapeer.sessions.launchplan import FIRST_WORDS, House, Plan, Wish, check_doctrine, our_command, plan, token_hash
from iapeer.sessions.live import LiveSession, home_of_process, tell_left, tell_renewed, transcript_pattern
from iapeer.store import Row, SessionRecord
from iapeer.tmux import Pane, TmuxError, panelog


@dataclass(frozen=True)
class LaunchRequest:
    """What to launch, and why."""

    known: Known
    runtime: str
    mode: str  # fresh | resume
    cause: str
    conversation: str | None = None
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Passed:
    """What the gate found: everything a launch needs is there. `adapter` is that of the program's version."""

    adapter: Adapter
    profile: Profile
    settings: LaunchEnv
    program: Program
    doctrine: str
    skipped: tuple[tuple[Path, str], ...]  # files of the doctrine that could not be read


def no_tmux(context: Context) -> str | None:
    """What is wrong with tmux here, or None."""
    try:
        context.machine.servers.check()
    except PeerError as error:
        return str(error)
    return None


async def preflight(context: Context, request: LaunchRequest) -> Passed:
    """Check what can be checked before anything is started or ended. Each refusal says what to do."""
    context.machine.servers.check()
    profile = request.known.sound()
    known = context.catalogue.get(request.runtime).adapter
    if not request.known.folder.is_dir():
        raise Refused(f"The folder {request.known.folder} of {request.known.personality} is gone.", code="no-folder")
    check_initial_prompt(profile.initial_prompt)
    settings = settings_of(request.known.personality, request.runtime, request.known.terms)
    program = await context.probe.program(known, context.env)
    adapter = known.for_version(program.version)
    text, skipped = _doctrine(context, request, adapter, profile)
    check_doctrine(adapter, text)
    return Passed(adapter, profile, settings, program, text, skipped)


def _doctrine(
    context: Context, request: LaunchRequest, adapter: Adapter, profile: Profile
) -> tuple[str, tuple[tuple[Path, str], ...]]:
    """What the session is told, and the files that could not be read."""
    if adapter.doctrine is None:
        return "", ()
    doctrine = read_pieces(context.layout.config, request.known.folder)
    date = datetime.fromtimestamp(context.clock.wall()).astimezone().date().isoformat()
    me = Me(
        profile, adapter.name, adapter.title, request.known.folder, platform_name(), date,
        tool=adapter.mcp is not None, command=our_command(),
    )  # fmt: skip
    return compose(me, context.peers(), doctrine.pieces), doctrine.skipped


async def launch(context: Context, request: LaunchRequest, poke: Callable[[], None]) -> LiveSession:
    """Start a session. It is up when this returns, and not yet ready for input.

    Raises PeerError or OSError: nothing is left running then, and a session that was recorded is recorded as ended.
    """
    passed = await preflight(context, request)
    context.on_launch(request.known, request.runtime)
    adapter, program = passed.adapter, passed.program
    who = identity(request.runtime, request.known.personality)
    await _preclean(context, who)
    record = _record(context, request, who, passed)
    private = context.layout.sessions / record.id
    made = plan(
        adapter, program.path, passed.profile, passed.settings,
        Wish(record.id, request.mode, record.conversation, request.extra, record.folder, passed.doctrine),
        context.env, House(context.layout.daemon_socket(), context.mcp_url(), context.certificate, private),
    )  # fmt: skip
    context.store.events.append(
        "wake", personality=record.personality, identity=who, session=record.id, mode=request.mode, cause=request.cause,
        program=program.path, version=program.version,
    )  # fmt: skip
    _warn_once(context, record, adapter, program)
    for path, why in passed.skipped:
        context.store.events.append(
            "doctrine", personality=record.personality, identity=who, session=record.id, file=str(path), skipped=why
        )
    context.store.sessions.open(_with_token(record, made))
    try:
        _write_private(private, made.files)
        return await _start(context, record, adapter, made, request, poke)
    except (PeerError, OSError):
        await clear_away(context, context.store.sessions.get(record.id) or record)
        context.store.sessions.end(record.id, cause="launch-failed")
        raise


def _warn_once(context: Context, record: SessionRecord, adapter: Adapter, program: Program) -> None:
    """Tell of a version that the adapter was not checked with, at its first launch in this daemon's life."""
    what = (adapter.name, program.version)
    if program.warning is not None and what not in context.warned:
        context.warned.add(what)
        context.store.events.append(
            "unchecked_version", personality=record.personality, identity=record.identity, session=record.id,
            version=program.version, warning=program.warning,
        )  # fmt: skip


async def adopt(context: Context, record: SessionRecord, poke: Callable[[], None]) -> LiveSession | None:
    """The session of `record` if it still lives, with everything attached again; None if it is over.

    Raises PeerError when it lives and cannot be attached: it must not be touched then, and is tried again.
    """
    if not await _reached(context, record):
        return None
    adapter = context.adapter_of(record)  # the program may have been updated since
    tmux = context.machine.servers.client(context.layout.tmux_socket(record.identity), poke)
    try:
        pane = await tmux.connect()
        await tmux.settle()
    except TmuxError:
        await tmux.close()
        if context.machine.processes.alive(record.pid, record.pid_started):
            raise
        return None
    home = home_of_process(adapter, context.machine.processes.environment(pane.pid))
    if record.pid is None:
        _started(context, record, adapter, pane, home)
    baseline = _baseline(context.store.inbox.in_flight(record.identity), record)
    known = context.store.sessions.get(record.id) or record
    return LiveSession(context, known, adapter, tmux, pane, home, poke, baseline)


async def _reached(context: Context, record: SessionRecord) -> bool:
    """Whether the session's server listens; one that lives and whose socket file was removed makes it anew first."""
    machine, socket, server = context.machine, context.layout.tmux_socket(record.identity), _server_of(context, record)
    if machine.servers.is_alive(socket):
        return True
    if server is None:
        return False
    private_dir(socket.parent)
    if await machine.servers.renew(socket, server):
        tell_renewed(context.store, record)
        return True
    if machine.processes.alive(server, record.server_started):
        raise TmuxError(f"its tmux socket {socket} was removed, and the server {server} does not make it anew.")
    return False


def _server_of(context: Context, record: SessionRecord) -> int | None:
    """The session's tmux server, if it lives."""
    alive = context.machine.processes.alive(record.server_pid, record.server_started)
    return record.server_pid if alive and _is_of_this_boot(context, record) else None


def _is_of_this_boot(context: Context, record: SessionRecord) -> bool:
    """Whether its numbers are still its own: those of before a reboot are other processes' by now."""
    return record.boot_id in (None, context.machine.processes.boot_id())


def _baseline(row: Row | None, record: SessionRecord) -> Position | None:
    """Where what the open message brings begins in the transcript that the session writes now; None: not known."""
    at = Position(**json.loads(row.baseline)) if row and row.baseline and row.session == record.id else None
    return at if at is not None and at.path in (None, record.transcript) else None


async def clear_away(context: Context, record: SessionRecord) -> None:
    """End what is left of a session that is over or cannot be reached: its processes, its server, its socket."""
    processes, waits = context.machine.processes, context.timing.session
    this_boot, first = _is_of_this_boot(context, record), (record.pid or 0, record.pid_started)
    if this_boot:
        await end_process(processes, *first, signal.SIGTERM, waits)
    await context.machine.servers.end(context.layout.tmux_socket(record.identity), _server_of(context, record))
    marked = await asyncio.to_thread(processes.marked, record.id)
    await kill_all(processes, marked, waits)
    if this_boot:
        tell_left(context.store, record, await left_of(processes, [first, *marked], waits.left))
    forget_files(context.layout, record.id)


def first_words(layout: Layout, session: str) -> str:
    """What is typed before the first message of a session, if anything: fixed at its launch."""
    try:
        return (layout.sessions / session / FIRST_WORDS).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def forget_files(layout: Layout, session: str) -> None:
    """Remove the private files of a session that is over."""
    shutil.rmtree(layout.sessions / session, ignore_errors=True)


async def _start(
    context: Context,
    record: SessionRecord,
    adapter: Adapter,
    made: Plan,
    request: LaunchRequest,
    poke: Callable[[], None],
) -> LiveSession:
    tmux = context.machine.servers.client(context.layout.tmux_socket(record.identity), poke)
    log, most = context.layout.pane_log(record.identity), context.pane_log_bytes
    if panelog.is_full(log, most):
        panelog.turn(log)
    try:
        pane = await tmux.launch(
            made.argv, made.env, request.known.folder, log, title=request.known.personality, log_bytes=most
        )
    except TmuxError:
        await tmux.close()
        raise
    _started(context, record, adapter, pane, made.home)
    started = context.store.sessions.get(record.id) or record
    return LiveSession(context, started, adapter, tmux, pane, made.home, poke)


def _started(context: Context, record: SessionRecord, adapter: Adapter, pane: Pane, home: str) -> None:
    """It is up: put on record what it is.

    Where its transcript will be is known before there is one: should we die first, what is in it is found all the same.
    """
    names = {"home": home, "pid": str(pane.pid), "cwd": record.folder}
    expected = transcript_pattern(adapter, names, record.conversation)
    context.store.sessions.change(record.id, transcript=expected, **_processes(context, pane))


async def _preclean(context: Context, who: str) -> None:
    """A server that nobody knows sits on our socket: end it, or the launch would land in it."""
    last, socket = context.store.sessions.last(who), context.layout.tmux_socket(who)
    if context.machine.servers.is_alive(socket):
        if last is not None:
            await clear_away(context, last)
        await context.machine.servers.end(socket, None)


def _record(context: Context, request: LaunchRequest, who: str, passed: Passed) -> SessionRecord:
    log = context.layout.pane_log(who)
    chosen = request.conversation
    if request.mode == "fresh" and passed.adapter.launch.conversation == "chosen":
        chosen = uuid7(context.clock.wall())
    return SessionRecord(
        id=uuid7(context.clock.wall()), identity=who, personality=request.known.personality, mode=request.mode,
        cause=request.cause, conversation=chosen, folder=str(request.known.folder),
        boot_id=context.machine.processes.boot_id(),
        started_ms=context.now_ms(), log_offset=log.stat().st_size if log.exists() else 0,
        topics=_topics(context, who, request), version=passed.program.version, port=context.port,
    )  # fmt: skip


def _topics(context: Context, who: str, request: LaunchRequest) -> str:
    """A resumed conversation keeps what it was about."""
    last = context.store.sessions.last(who) if request.mode == "resume" else None
    return last.topics if last is not None and last.conversation == request.conversation else "[]"


def _with_token(record: SessionRecord, made: Plan) -> SessionRecord:
    return replace(record, token_hash=token_hash(made.token))


def _processes(context: Context, pane: Pane) -> dict[str, float | int | None]:
    """The numbers of the agent's process and of its tmux server, with their starts, as a record has them."""
    start_mark = context.machine.processes.start_mark
    return {
        "pid": pane.pid,
        "pid_started": start_mark(pane.pid),
        "server_pid": pane.server_pid,
        "server_started": start_mark(pane.server_pid),
    }


def _write_private(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(mode=0o700, parents=True)
    for name, text in files.items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
