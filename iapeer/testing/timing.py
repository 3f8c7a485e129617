"""Other waits for tests: IAPEER_TEST_TIMING, read once where the daemon is put together.

It holds words such as `worker.quiet=0.2 delivery.grace=1` (seconds); the word `fast` stands for those of FAST.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from iapeer.model.timing import TIMING, Timing

VARIABLE = "IAPEER_TEST_TIMING"
FAST = " ".join(
    (
        "worker.quiet=0.3",
        "worker.silent=3",
        "delivery.grace=2",
        "delivery.silence=8",
        "loop.retry_first=0.1",
        "server.footing=0.2",
        "server.pane_logs=1",
        "api.gone_look=0.2",
    )
)


def timing_of(env: Mapping[str, str]) -> Timing:
    """The product's waits, but for those that the environment gives. ValueError where it names none."""
    timing = TIMING
    for word in env.get(VARIABLE, "").replace("fast", FAST).split():
        name, _, seconds = word.partition("=")
        timing = _changed(timing, name, float(seconds))
    return timing


def _changed(timing: Timing, name: str, seconds: float) -> Timing:
    group, _, wait = name.partition(".")
    waits: Any = getattr(timing, group, None)
    if not hasattr(waits, wait):
        raise ValueError(f"{VARIABLE}: there is no wait {name!r}: see iapeer/model/timing.py.")
    changed: Any = {group: replace(waits, **{wait: seconds})}
    return replace(timing, **changed)
