"""The fake agent, but while FAKE_HOME/hold exists it reads nothing and draws nothing, like a program that hangs.

A stopped process would not do: tmux 3.3a continues the process of a pane as soon as it stops.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from fixtures import fake_agent


class Held(fake_agent.Agent):
    """Hangs before a read."""

    def read(self) -> None:
        hold = Path(self.home) / "hold"
        while hold.exists():
            time.sleep(0.01)
        super().read()


if __name__ == "__main__":
    fake_agent.Agent = Held  # type: ignore[misc]
    fake_agent.main()
