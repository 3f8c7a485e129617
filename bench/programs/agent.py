"""The bundled fake agent, and the times (CLOCK_MONOTONIC, ns) at which bytes came and a message was submitted.

They are appended to FAKE_HOME/stamps, as lines `byte NS` and `submit NS`.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fixtures"))
fake = importlib.import_module("fake_agent")
_handle, _submit = fake.Agent.handle, fake.Agent.submit
_path = os.path.join(os.environ["FAKE_HOME"], "stamps")  # noqa: PTH118 - as in the agent itself


def _stamp(what: str) -> None:
    fake.append(_path, f"{what} {time.monotonic_ns()}\n".encode())


def _handled(self: Any, events: Any) -> None:
    _stamp("byte")
    _handle(self, events)


def _submitted(self: Any, text: str) -> None:
    _stamp("submit")
    _submit(self, text)


fake.Agent.handle, fake.Agent.submit = _handled, _submitted
if __name__ == "__main__":
    fake.main()
