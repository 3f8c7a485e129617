"""The log of a pane at which nobody looks: a writer that was killed is missed, and one that writes is left alone."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psutil

from iapeer.fleet.fleet import Fleet
from iapeer.server.panelogs import keep_pane_logs
from iapeer.tmux import Pane, Tmux
from iapeer.tmux.panelog import LOG_BYTES
from tests.unit.tmux.rig import Rig, until


def _house(tmux: Tmux, pane: Pane, log: Path) -> Fleet:
    """One session at rest, which was last looked at when it was launched."""
    running = SimpleNamespace(tmux=tmux, pane=pane, identity="fake-ann")
    layout = SimpleNamespace(pane_log=lambda _: log)
    return cast(Fleet, SimpleNamespace(live_sessions=lambda: [running], context=SimpleNamespace(layout=layout)))


def test_a_killed_writer_is_missed_without_a_look() -> None:
    """Within a round of the duty there is another, and that one stays."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, pane = await rig.receiver()
            await tmux.output(False)
            rounds: list[None] = []
            house = _house(tmux, pane, rig.log)

            def writers() -> set[psutil.Process]:
                return {child for child in psutil.Process(pane.server_pid).children() if child.pid != pane.pid}

            await until(lambda: len(writers()) == 1)
            killed = writers()
            for writer in killed:
                writer.kill()
            tty = Path(psutil.Process(pane.pid).terminal() or "")
            tty.write_text("lost\n")  # tmux notices a dead writer once it has something for it
            duty = asyncio.create_task(keep_pane_logs(house, LOG_BYTES, 0.05, lambda: rounds.append(None)))
            await until(lambda: bool(writers() - killed))
            another, since = writers() - killed, len(rounds)
            await until(lambda: len(rounds) >= since + 3)
            assert writers() - killed == another
            tty.write_text("on it goes\n")
            await until(lambda: b"on it goes" in rig.log.read_bytes())
            duty.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await duty

    asyncio.run(main())
