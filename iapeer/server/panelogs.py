"""Keeps pane logs small, however fast their panes are written to, and makes them go on when their writer was ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from iapeer.fleet.fleet import Fleet
from iapeer.sessions.live import LiveSession
from iapeer.tmux import TmuxError, panelog


async def keep_pane_logs(fleet: Fleet, most: int, every_s: float, progressed: Callable[[], None]) -> None:
    """Rotate every live session's log when it is full, and begin a lost one anew, for ever. `most`: bytes of one."""
    while True:
        await asyncio.sleep(every_s)
        await asyncio.gather(*(_keep(fleet, running, most) for running in fleet.live_sessions()))
        progressed()


async def _keep(fleet: Fleet, running: LiveSession, most: int) -> None:
    log = fleet.context.layout.pane_log(running.identity)
    full, lost = panelog.is_full(log, most), not log.exists()
    if full:
        panelog.turn(log)
    elif lost:
        with contextlib.suppress(OSError):  # its folder is gone, too
            panelog.begin(log)
    with contextlib.suppress(TmuxError):  # it ends just now, or hangs: the next look tries again
        pane = await running.tmux.facts()  # not the last look's: at rest nobody looks
        if (full or lost or not pane.piped) and not pane.dead:
            await running.tmux.log_to(log, most)
