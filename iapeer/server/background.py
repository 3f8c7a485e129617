"""What the daemon does in the background as long as it lives."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable

from iapeer.api.tcp import LateMcp
from iapeer.api.web import Api
from iapeer.fleet.fleet import Fleet
from iapeer.paths.settings import Settings
from iapeer.server.duties import Duties
from iapeer.server.footing import Footing
from iapeer.server.logs import Logs
from iapeer.server.ownoutput import turn_own_output
from iapeer.server.panelogs import keep_pane_logs
from iapeer.server.sockets import Servers, UnixSocket


def add_duties(
    duties: Duties, api: Api, settings: Settings, footing: Footing, unix: UnixSocket, servers: Servers, logs: Logs,
    mcp: LateMcp,
) -> None:  # fmt: skip
    """Give every part its duty. One that may wait for hours until it is needed has no bound of silence."""
    fleet, timing = api.fleet, api.fleet.context.timing
    look_s, quiet_s = min(timing.server.pane_logs, settings.reconcile_secs), timing.fleet.longest
    watch = functools.partial(footing.watch, unix, servers.move_unix, api.stop)
    pane_logs = functools.partial(keep_pane_logs, fleet, settings.pane_log_bytes, look_s)
    duties.add("time", functools.partial(_keep_time, api), quiet_s * 2)
    duties.add("heartbeat", functools.partial(_beat, fleet, settings), settings.reconcile_secs * 2 + quiet_s)
    duties.add("pane-logs", pane_logs, quiet_s)
    duties.add("footing", watch, quiet_s)
    duties.add("files", fleet.context.files.keep_watching, None)
    duties.add("logs", logs.keep_writing, None)
    duties.add("mcp", mcp.run, None, mcp.failed)


async def _keep_time(api: Api, progressed: Callable[[], None]) -> None:
    """Do what has its time, once the sessions that outlived the last daemon are known."""
    await api.ready.wait()
    await api.fleet.time.keep(progressed)


async def _beat(fleet: Fleet, settings: Settings, progressed: Callable[[], None]) -> None:
    """Heal by a slow pass what events missed, and keep what the daemon itself says small, for ever."""
    while True:
        await asyncio.sleep(settings.reconcile_secs)
        fleet.poke_all()
        turn_own_output(fleet.context.layout.own_output, settings.log_bytes)
        progressed()
