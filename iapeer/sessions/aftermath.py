"""Clearing away what is left of a session: its processes, its server, its files."""

from __future__ import annotations

import asyncio
import signal

from iapeer.process.ending import end_process, kill_all, left_of
from iapeer.sessions.context import Context
from iapeer.sessions.live import tell_left
from iapeer.sessions.privatefiles import forget_files
from iapeer.store import SessionRecord


async def clear_away(context: Context, record: SessionRecord) -> None:
    """End what is left of a session that is over or cannot be reached: its processes, its server, its socket."""
    processes, waits = context.machine.processes, context.timing.session
    this_boot, first = _is_of_this_boot(context, record), (record.pid or 0, record.pid_started)
    if this_boot:
        await end_process(processes, *first, signal.SIGTERM, waits)
    await context.machine.servers.end(context.layout.tmux_socket(record.identity), server_of(context, record))
    marked = await asyncio.to_thread(processes.marked, record.id)
    await kill_all(processes, marked, waits)
    if this_boot:
        tell_left(context.store, record, await left_of(processes, [first, *marked], waits.left))
    forget_files(context.layout, record.id)


def server_of(context: Context, record: SessionRecord) -> int | None:
    """The session's tmux server, if it lives."""
    alive = context.machine.processes.alive(record.server_pid, record.server_started)
    return record.server_pid if alive and _is_of_this_boot(context, record) else None


def _is_of_this_boot(context: Context, record: SessionRecord) -> bool:
    """Whether its numbers are still its own: those of before a reboot are other processes' by now."""
    return record.boot_id in (None, context.machine.processes.boot_id())
