"""Starting a session."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

from iapeer.model.causes import EndCause, WakeMode
from iapeer.model.errors import PeerError
from iapeer.model.ids import uuid7
from iapeer.model.names import identity
from iapeer.runtimes.adapter import Adapter
from iapeer.sessions.aftermath import clear_away
from iapeer.sessions.context import Context
from iapeer.sessions.launchplan import House, Plan, Wish, plan, token_hash
from iapeer.sessions.live import LiveSession, transcript_pattern
from iapeer.sessions.preflight import LaunchRequest, Passed, preflight
from iapeer.sessions.privatefiles import write_files
from iapeer.store import SessionRecord
from iapeer.tmux import Pane, TmuxError, panelog


async def launch(context: Context, request: LaunchRequest, poke: Callable[[], None]) -> LiveSession:
    """Start a session. It is up when this returns, and not yet ready for input.

    Raises PeerError or OSError: nothing is left running then, and a session that was recorded is recorded as ended.
    """
    passed = await preflight(context, request)
    context.on_launch(request.known, request.runtime)
    who = identity(request.runtime, request.known.personality)
    await _preclean(context, who)
    record = _record(context, request, who, passed)
    made = _planned(context, request, passed, record)
    _tell(context, request, passed, record)
    context.store.sessions.open(replace(record, token_hash=token_hash(made.token)))
    try:
        write_files(context.layout, record.id, made.files)
        return await _start(context, record, passed.adapter, made, request, poke)
    except (PeerError, OSError):
        await clear_away(context, context.store.sessions.get(record.id) or record)
        context.store.sessions.end(record.id, cause=EndCause.LAUNCH_FAILED)
        raise


def _planned(context: Context, request: LaunchRequest, passed: Passed, record: SessionRecord) -> Plan:
    """The command line, the environment and the private files of the session."""
    private = context.layout.sessions / record.id
    return plan(
        passed.adapter, passed.program.path, passed.profile, passed.settings,
        Wish(record.id, request.mode, record.conversation, request.extra, record.folder, passed.doctrine),
        context.env, House(context.layout.daemon_socket(), context.mcp_url(), context.certificate, private),
    )  # fmt: skip


def _tell(context: Context, request: LaunchRequest, passed: Passed, record: SessionRecord) -> None:
    """Put on record that it is launched, and what is odd about that."""
    program, tell = passed.program, functools.partial(
        context.store.events.append, personality=record.personality, identity=record.identity, session=record.id
    )  # fmt: skip
    tell("wake", mode=request.mode, cause=request.cause, program=program.path, version=program.version)
    what = (passed.adapter.name, program.version)
    if program.warning is not None and what not in context.warned:  # once in this daemon's life
        context.warned.add(what)
        tell("unchecked_version", version=program.version, warning=program.warning)
    for path, why in passed.skipped:
        tell("doctrine", file=str(path), skipped=why)


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
    note_up(context, record, adapter, pane, made.home)
    started = context.store.sessions.get(record.id) or record
    return LiveSession(context, started, adapter, tmux, pane, made.home, poke)


def note_up(context: Context, record: SessionRecord, adapter: Adapter, pane: Pane, home: str) -> None:
    """Put on record what a session is that is up.

    Where its transcript will be is known before there is one: should we die first, what is in it is found all the same.
    """
    names = {"home": home, "pid": str(pane.pid), "cwd": record.folder}
    expected = transcript_pattern(adapter, names, record.conversation)
    context.store.sessions.change(record.id, transcript=expected, **_processes(context, pane))


async def _preclean(context: Context, who: str) -> None:
    """End a server on our socket that nobody knows: the launch would land in it."""
    last, socket = context.store.sessions.last(who), context.layout.tmux_socket(who)
    if context.machine.servers.is_alive(socket):
        if last is not None:
            await clear_away(context, last)
        await context.machine.servers.end(socket, None)


def _record(context: Context, request: LaunchRequest, who: str, passed: Passed) -> SessionRecord:
    log = context.layout.pane_log(who)
    chosen = request.conversation
    if request.mode == WakeMode.FRESH and passed.adapter.launch.conversation == "chosen":
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
    last = context.store.sessions.last(who) if request.mode == WakeMode.RESUME else None
    return last.topics if last is not None and last.conversation == request.conversation else "[]"


def _processes(context: Context, pane: Pane) -> dict[str, float | int | None]:
    """The numbers of the agent's process and of its tmux server, with their starts, as a record has them."""
    start_mark = context.machine.processes.start_mark
    return {
        "pid": pane.pid,
        "pid_started": start_mark(pane.pid),
        "server_pid": pane.server_pid,
        "server_started": start_mark(pane.server_pid),
    }
