"""Runs the daemon of a root: takes the lock, serves until it is told to stop, ends in time. Sessions outlive it."""

from __future__ import annotations

import asyncio
import os
import signal

from iapeer.fleet.takeover import take_over
from iapeer.model.clock import SystemClock
from iapeer.paths.layout import Layout
from iapeer.paths.rootlock import RootLock
from iapeer.process.limits import raise_open_files
from iapeer.server.composition import Daemon, compose
from iapeer.server.ending import end_in_time
from iapeer.server.operatorenv import settle_environment
from iapeer.server.ownoutput import speak_on_stderr


def run(layout: Layout) -> int:
    """Serve this root until SIGTERM, SIGINT or POST /daemon/stop. Refused when another daemon does already."""
    layout.make()
    speak_on_stderr(SystemClock())
    lock = RootLock(layout.lock)
    lock.acquire()
    try:
        settle_environment(os.environ, layout)
        return asyncio.run(_serve(layout, lock, raise_open_files()))
    finally:
        lock.release()


async def _serve(layout: Layout, lock: RootLock, files_at_most: int) -> int:
    async with compose(layout, lock, files_at_most) as daemon:
        await _until_stopped(daemon)
    return 0


async def _until_stopped(daemon: Daemon) -> None:
    """Serve; return once the daemon was stopped and no request is worked on. Raise what it could not go on for."""
    loop, waits = asyncio.get_running_loop(), daemon.fleet.context.timing.server
    loop.set_exception_handler(daemon.duties.note_stray)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.api.stop)
    daemon.servers.start(ended=daemon.api.stop)  # one server alone is no daemon: the next command starts another
    duties = asyncio.create_task(daemon.duties.run())
    duties.add_done_callback(lambda _: daemon.api.stop())
    adoption = asyncio.create_task(_take_over(daemon))
    await daemon.api.stopping.wait()
    end_in_time(waits)
    await daemon.api.requests.end(waits.grace)
    await daemon.servers.close(waits.grace)
    await _end(duties, adoption)
    loop.set_exception_handler(None)


async def _take_over(daemon: Daemon) -> None:
    """Go on with what outlived the last daemon. Requests wait for it; where it fails, the daemon ends."""
    try:
        await take_over(daemon.fleet)
        daemon.fleet.context.store.hurry()
        daemon.api.ready.set()
    finally:
        if not daemon.api.ready.is_set():
            daemon.api.stop()


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancel them, and raise the first error that one of them ended with before."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):  # cancelled is what they should be
            raise result
