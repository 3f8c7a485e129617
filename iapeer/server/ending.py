"""How the daemon ends: within a bounded time, whatever a request, an agent or a tmux server does.

It may be killed at any point by design, so that nothing has to be waited for: what follows is only the friendlier way.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading

GRACE_S = 0.5  # for the requests that are worked on, and again for their answers to be read
END_S = 2.0  # for all of it
SAY_S = 0.2  # for a last sentence


def end_in_time() -> None:
    """From now on the process has END_S to end: a thread, or a reader of ours, may hold it up for ever."""
    timer = threading.Timer(END_S, cut_off, ("The daemon did not end in time and is cut off; sessions live on.", 0))
    timer.daemon = True
    timer.start()


def cut_off(why: str, code: int) -> None:
    """End the process on the spot, as kill -9 would, with a last sentence, if somebody reads it."""
    speaker = threading.Thread(target=_say, args=(why,), daemon=True)  # a full pipe, a stopped terminal: it may wait
    speaker.start()
    speaker.join(SAY_S)
    os._exit(code)


def _say(why: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(f"iapeer: {why}", file=sys.stderr, flush=True)  # noqa: T201 - nothing else works any more
