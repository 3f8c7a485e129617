"""A daemon whose clock a test moves, run as a program: TEST_CLOCK names the file with what to add, as JSON
[wall seconds, monotonic seconds].
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from iapeer.__main__ import main
from iapeer.model.clock import SystemClock
from iapeer.server import composition
from tests.harness import Root


class MovedClock(SystemClock):
    """The machine's clock, and what the test adds."""

    def wall(self) -> float:
        return super().wall() + self._added()[0]

    def monotonic(self) -> float:
        return super().monotonic() + self._added()[1]

    @staticmethod
    def _added() -> list[float]:
        return list(json.loads(Path(os.environ["TEST_CLOCK"]).read_text()))


class Moving:
    """The test's hand on the clock of a root's daemon, and of the daemons after it."""

    def __init__(self, root: Root) -> None:
        self._file = root.base / "clock"
        self._added = (0.0, 0.0)
        root.program = [sys.executable, "-m", "tests.whole.daemon.clocked"]
        repo = str(Path(__file__).resolve().parent.parent.parent.parent)
        root.env |= {"TEST_CLOCK": str(self._file), "IAPEER_RECONCILE_SECS": "1", "PYTHONPATH": repo}
        self.jump(0)

    def jump(self, wall: float, monotonic: float = 0.0) -> None:
        """Move the wall clock, by which the agents do not go, and monotonic time."""
        self._added = (self._added[0] + wall, self._added[1] + monotonic)
        spare = self._file.with_suffix(".new")
        spare.write_text(json.dumps(self._added))
        spare.replace(self._file)

    def advance(self, seconds: float) -> None:
        """Let monotonic time pass. The daemon's heartbeat notices within a second."""
        self.jump(0, seconds)


if __name__ == "__main__":
    vars(composition)["SystemClock"] = MovedClock
    sys.exit(main())
