"""Other waits for tests: IAPEER_TEST_TIMING, read once where the daemon is put together, in a test's sandbox only.

It holds words such as `worker.quiet=0.2 delivery.grace=1` (seconds); the word `fast` stands for those of FAST.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from iapeer.model.errors import Usage
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
    """The product's waits, but for those that the environment gives. Usage where it names none."""
    timing = TIMING
    if env.get("IAPEER_TEST_SANDBOX") != "1":
        return timing
    for word in env.get(VARIABLE, "").replace("fast", FAST).split():
        name, _, seconds = word.partition("=")
        timing = _changed(timing, name, seconds)
    return timing


def _changed(timing: Timing, name: str, text: str) -> Timing:
    group, _, wait = name.partition(".")
    if group not in _names(timing) or wait not in _names(getattr(timing, group)):
        raise Usage(f"{VARIABLE}: there is no wait '{name}': see iapeer/model/timing.py.")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise Usage(f"{VARIABLE}: '{text}' is no number of seconds for {name}: write one such as 0.5.")
    changed: Any = {group: replace(getattr(timing, group), **{wait: seconds})}
    return replace(timing, **changed)


def _names(waits: Any) -> set[str]:
    return {field.name for field in fields(waits)}
