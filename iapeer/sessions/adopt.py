"""Finding a session again that outlived its daemon."""

from __future__ import annotations

import json
from collections.abc import Callable

from iapeer.paths.layout import private_dir
from iapeer.sessions.aftermath import server_of
from iapeer.sessions.context import Context
from iapeer.sessions.follower import Position
from iapeer.sessions.launch import note_up
from iapeer.sessions.live import LiveSession, home_of_process, tell_renewed
from iapeer.store import Row, SessionRecord
from iapeer.tmux import TmuxError


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
        note_up(context, record, adapter, pane, home)
    baseline = _baseline(context.store.inbox.in_flight(record.identity), record)
    known = context.store.sessions.get(record.id) or record
    return LiveSession(context, known, adapter, tmux, pane, home, poke, baseline)


async def _reached(context: Context, record: SessionRecord) -> bool:
    """Whether the session's server listens; one that lives and whose socket file was removed makes it anew first."""
    machine, socket, server = context.machine, context.layout.tmux_socket(record.identity), server_of(context, record)
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


def _baseline(row: Row | None, record: SessionRecord) -> Position | None:
    """Where what the open message brings begins in the transcript that the session writes now; None: not known."""
    at = Position(**json.loads(row.baseline)) if row and row.baseline and row.session == record.id else None
    return at if at is not None and at.path in (None, record.transcript) else None
