"""The program on PATH is a script of the agent's own name that starts the real one and stays."""

from __future__ import annotations

import psutil
import pytest

from fixtures.get_claude import CLAUDE
from fixtures.get_codex import CODEX
from tests.real.conftest import Models, real_fleet

pytestmark = pytest.mark.real


PROGRAMS = {"claude": CLAUDE, "codex": CODEX}


@pytest.mark.parametrize("runtime", PROGRAMS)
def test_behind_a_bash_wrapper(models: Models, runtime: str) -> None:
    """Messages are delivered to the agent, found again by another daemon; stop ends it, and its wrapper with it."""
    with real_fleet(models) as fleet:
        real = PROGRAMS[runtime].get()
        script = fleet.base / runtime
        script.write_text(f'#!/bin/bash\nexport EXTRA=1\n"{real}" "$@"\n')
        script.chmod(0o755)
        fleet.env[f"IAPEER_{runtime.upper()}_BIN"] = str(script)
        fleet.start()
        getattr(fleet, runtime)("peer")
        assert fleet.send("peer", "first", wait="done", timeout_s=60)["state"] == "done"
        pid = fleet.runtime("peer")["pid"]
        assert psutil.Process(pid).exe() == str(real.resolve())
        assert psutil.Process(psutil.Process(pid).ppid()).cmdline()[:2] == ["/bin/bash", str(script)]
        fleet.kill()
        fleet.start()
        assert fleet.send("peer", "second", wait="done", timeout_s=60)["state"] == "done"
        assert fleet.runtime("peer")["pid"] == pid
        assert not fleet.events("degraded", "dialog", "actor_error")
        fleet.cli("stop", "peer", check=True)
        ended = fleet.call("GET", "/peers/peer")["last_session"]
        assert (ended["end_cause"], ended["exit_code"], ended["signal"]) == ("stop", 143, None)
        assert fleet.bodies() == ["first", "second"]
        assert not fleet.processes()
