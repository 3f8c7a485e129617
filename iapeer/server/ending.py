"""Bounds the daemon's end in time, whatever a request, an agent or a tmux server does.

The daemon may be killed at any point by design, so that nothing has to be waited for.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading

from iapeer.model.timing import ServerWaits

LATE = "The daemon did not end in time and is cut off; sessions live on."


def end_in_time(waits: ServerWaits) -> None:
    """Give the process `waits.end` to end: a thread, or a reader of what it says, may hold it up for ever."""
    timer = threading.Timer(waits.end, cut_off, (LATE, 0, waits.say))
    timer.daemon = True
    timer.start()


def cut_off(why: str, code: int, say_s: float) -> None:
    """End the process on the spot, as kill -9 would, with a last sentence if somebody reads it within `say_s`."""
    speaker = threading.Thread(target=_say, args=(why,), daemon=True)  # a full pipe, a stopped terminal: it may wait
    speaker.start()
    speaker.join(say_s)
    os._exit(code)


def _say(why: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(f"iapeer: {why}", file=sys.stderr, flush=True)  # noqa: T201 - nothing else works any more
